import { Transform, type TransformCallback } from 'node:stream';
export type Transforming = (this: Transform, chunk: Buffer, callback: TransformCallback) => void;
/** Passes on what comes. */
export declare const pass: Transforming;
/** A Transform made of one function, with some of its methods replaced. */
export declare function transforming(transform: Transforming, rest?: Partial<Transform>): Transform;
