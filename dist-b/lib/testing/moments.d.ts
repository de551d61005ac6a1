import { type Stream } from 'node:stream';
import { type ConformanceCase, type ConformanceOptions } from './probe.js';
/** The stage of a suite, whichever of its sides it has. */
export interface Subject {
    make: () => Promise<Stream>;
    /** What is written to it, if it takes input. */
    input?: () => Promise<unknown[]>;
    /** Whether it gives output. */
    reads: boolean;
}
/** How long a suite waits for what does not come, in milliseconds. */
export declare function patienceOf({ patience }: ConformanceOptions): number;
/** Bad options are refused by the factory itself. */
export declare function optionCases({ badOptions }: ConformanceOptions): ConformanceCase[];
/** It may be destroyed at any moment: `close` comes, with the error that was given or none, and nothing after it. */
export declare function destroyCases(subject: Subject, options: ConformanceOptions): ConformanceCase[];
/** Errors of the neighbours reach the caller of `pipeline()` as they are, and the stage is closed. */
export declare function errorCases(subject: Subject, options: ConformanceOptions): ConformanceCase[];
