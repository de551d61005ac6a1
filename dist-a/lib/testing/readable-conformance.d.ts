import { type Readable } from 'node:stream';
import { type ConformanceCase, type ConformanceOptions } from './probe.js';
import { type Same } from './sameness.js';
/** What {@link readableConformance} needs to know of a Readable of `O`. */
export interface ReadableConformance<O> extends ConformanceOptions {
    /** What it gives, from its beginning to its end. */
    expected: () => O[] | Promise<O[]>;
    /** A Readable of the same kind with much to give: many megabytes, or thousands of objects. */
    many: () => Readable | Promise<Readable>;
    /** Bytes or objects that it may read ahead: 1 MiB, or 16 objects, by default. */
    bound?: number;
    /** Throws unless the two outputs mean the same; bytes are joined, objects compared deeply, by default. */
    same?: Same<O>;
}
/** The properties of every Readable at the head of a river, each as a case for any test runner. */
export declare function readableConformance<O>(make: () => Readable | Promise<Readable>, options: ReadableConformance<O>): ConformanceCase[];
