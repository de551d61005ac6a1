import type { Transform } from 'node:stream';
import type { WireStage } from './wire-stage.js';
/**
 * The outgoing side of a wire stage for a pipeline made by hand: a preface that names its format, then what it
 * makes of the input. Throws `ERR_USAGE` if the stage has no outgoing side.
 */
export declare function outgoingOf(stage: WireStage): Transform;
/**
 * The incoming side of a wire stage for a pipeline made by hand: checks that the preface names exactly its
 * format, and undoes the rest. Throws `ERR_USAGE` if the stage has no incoming side. The stream fails with
 * `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS` (both lists are named), `ERR_TRUNCATED` or an error of the stage.
 */
export declare function incomingOf(stage: WireStage): Transform;
