import { Transform } from 'node:stream';
import { type Clock } from './clock.js';
import type { WireStage } from './wire-stage.js';
/** What {@link throttle} and {@link limitRate} take. */
export interface ThrottleOptions {
    /** Bytes per second, at least 1. */
    rate: number;
    /** Where the time comes from; the clock of the process by default. */
    clock?: Clock;
}
/**
 * A wire stage that lets at most `rate` bytes per second pass, each way. It has no format, so it may stand on
 * one side only. Throws `ERR_USAGE` on a bad option.
 */
export declare function throttle(options: ThrottleOptions): WireStage;
/** {@link throttle} as a plain Transform for a hand-made pipeline. Throws `ERR_USAGE` on a bad option. */
export declare function limitRate(options: ThrottleOptions): Transform;
