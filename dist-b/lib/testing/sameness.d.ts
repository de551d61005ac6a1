import type { Stream } from 'node:stream';
import { type ConformanceCase } from './probe.js';
/** Throws unless what was found means the same as what was expected. */
export type Same<T> = (found: T[], expected: T[]) => void;
/** Bytes are joined, since their division means nothing; objects are compared one by one, deeply. */
export declare function same(found: unknown[], expected: unknown[]): void;
/** Whether all chunks are bytes. */
export declare function isBytes(chunks: unknown[]): chunks is Buffer[];
/** The stream has these methods and the properties by which neighbours recognise a stream. */
export declare function describe(stream: Stream, methods: string[]): void;
/** A case for each way to split `input`, if it is bytes; else for the input as it is. */
export declare function inSplits<I>(input: () => I[] | Promise<I[]>, check: (input: unknown[]) => Promise<void>): ConformanceCase[];
/** The beginnings of `input` that are not the whole: of every length in bytes, or else in objects. */
export declare function cutsOf(input: unknown[]): Generator<{
    at: number;
    part: unknown[];
}>;
