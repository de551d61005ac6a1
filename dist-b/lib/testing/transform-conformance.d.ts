import { type Transform } from 'node:stream';
import { type Code } from '../errors.js';
import { type ConformanceCase, type ConformanceOptions } from './probe.js';
import { type Same } from './sameness.js';
type Maybe<T> = T | Promise<T>;
/** What {@link transformConformance} needs to know of a Transform from `I` to `O`. */
export interface TransformConformance<I, O> extends ConformanceOptions {
    /** A small valid input, the same each time it is asked for. Bytes are also split in every way. */
    input: () => Maybe<I[]>;
    /** What the stage makes of `input`. Give this, or `inverse`, or both. */
    expected?: () => Maybe<O[]>;
    /** A stage that undoes this one. */
    inverse?: () => Maybe<Transform>;
    /** A large valid input: many megabytes, or thousands of objects. Bytes that cannot be compressed. */
    many: () => Maybe<Iterable<I> | AsyncIterable<I>>;
    /** Bytes or objects that the stage may hold in all: 1 MiB, or 16 objects, by default. */
    bound?: number;
    /** It gives out much less than it takes in, and does not hold the rest either (a sink with receipts). */
    gathers?: boolean;
    /**
     * An input that was cut must be refused, with one of these codes. Cuts in `whole` (in bytes, or in objects)
     * make a valid input. Leave this out for a stage to which every input is whole.
     */
    truncated?: {
        codes: Code[];
        whole?: number[];
    };
    /** Whether what was given out by now is all that can be known from what was written; the inverse is asked otherwise. */
    prompt?: (given: O[], written: I[]) => boolean;
    /** Throws unless the two outputs mean the same; bytes are joined, objects compared deeply, by default. */
    same?: Same<O>;
}
/** The properties that every Transform of a river has (DESIGN.md, section 3), each as a case for any test runner. */
export declare function transformConformance<I, O>(make: () => Maybe<Transform>, options: TransformConformance<I, O>): ConformanceCase[];
export {};
