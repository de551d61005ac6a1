import type { Duplex, Readable, Writable } from 'node:stream';
/** One property of a stage, checked by `run`, which rejects with an `AssertionError` if it does not hold. */
export interface ConformanceCase {
    /** A sentence about behaviour, unique within its suite. */
    name: string;
    run(): Promise<void>;
}
/** What every suite takes. */
export interface ConformanceOptions {
    /** Calls of the factory with bad options: each must throw `ERR_USAGE` at once. */
    badOptions?: (() => unknown)[];
    /** Counts what the stages hold open (files, timers): after each case it must be what it was before. */
    open?: () => number;
    /** Called after each case, for instance to remove a temporary folder. */
    after?: () => void | Promise<void>;
    /** Milliseconds until something that does not come is a failure; 10,000 by default. Nothing waits for it otherwise. */
    patience?: number;
}
/** Fails the case with `message`. */
export declare function fail(message: string): never;
/** Fails the case unless `condition` holds. */
export declare function ensure(condition: boolean, message: string): asserts condition;
/** The result of `promise`, or a failure that names `what` if it takes longer than `patience` milliseconds. */
export declare function within<T>(patience: number, what: string, promise: Promise<T>): Promise<T>;
/** Lets the event loop turn `count` times: whatever is due by now happens. */
export declare function turns(count: number): Promise<void>;
/** How many turns without an event count as quiet. */
export declare const QUIET = 50;
/** The stream has room again, or is no more. */
export declare function drained(stream: Writable): Promise<void>;
/** `close` came. */
export declare function closed(stream: Readable | Writable): Promise<void>;
/** Takes down what a stream says of itself, and what it says although it is closed. */
export declare class Watch {
    #private;
    readonly errors: Error[];
    readonly late: string[];
    constructor(stream: Readable | Writable | Duplex, { data }?: {
        data?: boolean | undefined;
    });
}
/** What a chunk counts where it passes: its bytes, or 1 in a stream of objects. */
export declare function sizeOf(chunk: unknown, objects: boolean): number;
/** The same cases with what every suite does around each of them. */
export declare function framed(cases: ConformanceCase[], options: ConformanceOptions): ConformanceCase[];
