import { type Code } from '../errors.js';
import type { WireStage } from '../stages/wire-stage.js';
import type { ConformanceCase, ConformanceOptions } from './probe.js';
/** What {@link wireStageConformance} needs to know of a wire stage. */
export interface WireStageConformance extends ConformanceOptions {
    /** The codes with which the incoming side refuses an input that was cut. None for a stage that cannot notice. */
    truncated?: Code[];
    /** A small input, 40 bytes in 4 chunks by default. Every cut of what it becomes is tried. */
    input?: () => Buffer[];
    /** Bytes of the large input: 8 MiB by default. */
    many?: number;
    /** Bytes that one side may hold: 1 MiB by default. */
    bound?: number;
}
/**
 * The properties of both sides of a wire stage, and that the one undoes the other. `make` is called for each
 * side anew, as it is on two machines. Throws `ERR_USAGE` unless the stage has both sides.
 */
export declare function wireStageConformance(make: () => WireStage, options?: WireStageConformance): ConformanceCase[];
