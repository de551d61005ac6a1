import { Transform, type TransformCallback } from 'node:stream';
import { SluiceError } from '../errors.js';
type Done = (error?: Error | null) => void;
/**
 * A Transform that works by another one inside, and stays one stream to whoever uses it: the inner stream's
 * error is its own (never "premature close"), the inner stream's back-pressure reaches both neighbours, and
 * both are destroyed together. The inner stream must emit `close`, as every stage does.
 */
export declare class NestedStage extends Transform {
    #private;
    protected readonly inner: Transform;
    constructor(inner: Transform);
    /** The part of a chunk that is for the inner stream; nothing, if it is for this one alone. May throw. */
    protected admit(chunk: Buffer): Buffer | undefined;
    /** Writes one part to the inner stream. */
    protected feed(part: Buffer, done?: Done): void;
    /** Sees each piece before it is given out. May throw. */
    protected inspect(_piece: Buffer): void;
    /** The inner stream has worked off all chunks that were there. */
    protected settled(): void;
    /** No more input will come. Throws when the input cannot end here. */
    protected finishing(): void;
    /** What to say when the inner stream ends although its input did not. */
    protected endedEarly(): SluiceError;
    /** The error to raise for one of the inner stream. */
    protected translate(error: Error): Error;
    _write(chunk: Buffer, _encoding: BufferEncoding, callback: Done): void;
    _writev(batch: {
        chunk: Buffer;
    }[], callback: Done): void;
    _flush(callback: TransformCallback): void;
    _read(): void;
    _destroy(error: Error | null, callback: Done): void;
}
export {};
