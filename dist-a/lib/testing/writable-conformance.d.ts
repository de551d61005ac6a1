import { type Writable } from 'node:stream';
import { type Code } from '../errors.js';
import { type ConformanceCase, type ConformanceOptions } from './probe.js';
/** What {@link writableConformance} needs to know of a Writable of `I`. */
export interface WritableConformance<I> extends ConformanceOptions {
    /** A small valid input, the same each time it is asked for. Bytes are also split in every way. */
    input: () => I[] | Promise<I[]>;
    /** Looks at what came of `input`, once it has finished, and throws if that is not right. */
    check?: (stream: Writable) => void | Promise<void>;
    /** A large valid input: many megabytes, or thousands of objects. */
    many: () => Iterable<I> | AsyncIterable<I> | Promise<Iterable<I>>;
    /** Bytes or objects that may wait in it: 1 MiB, or 16 objects, by default. */
    bound?: number;
    /** The codes with which an input that was cut is refused. Cuts in `whole` (bytes or objects) are valid. */
    truncated?: {
        codes: Code[];
        whole?: number[];
    };
}
/** The properties of every Writable at the end of a river, each as a case for any test runner. */
export declare function writableConformance<I>(make: () => Writable | Promise<Writable>, options: WritableConformance<I>): ConformanceCase[];
