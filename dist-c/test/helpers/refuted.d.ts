import { type ConformanceCase } from '../../lib/testing/index.js';
/** Milliseconds for what never comes. */
export declare const patience = 5000;
export declare const small: () => Buffer<ArrayBufferLike>[];
export declare const large: () => Buffer<ArrayBufferLike>[];
/** A suite says what a broken stage lacks: this one case of it fails, with a message that matches. */
export declare function refuted(what: string, cases: () => ConformanceCase[], name: string, message: RegExp): void;
