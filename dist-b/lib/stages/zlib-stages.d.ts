import type { Transform } from 'node:stream';
import { SluiceError } from '../errors.js';
import { NestedStage } from './nested-stage.js';
/** A stream of node:zlib. */
type Engine = Transform & {
    flush(kind: number): void;
};
/** Compresses, and flushes when the input runs dry. */
export declare class Compressor extends NestedStage {
    #private;
    constructor(engine: Engine, kind: number, maxRatio: number);
    protected admit(chunk: Buffer): Buffer;
    protected feed(part: Buffer, done?: (error?: Error | null) => void): void;
    protected inspect(piece: Buffer): void;
    protected settled(): void;
    protected finishing(): void;
    _destroy(error: Error | null, callback: (error?: Error | null) => void): void;
}
/** Decompresses up to a ratio, with errors of ours. */
export declare class Decompressor extends NestedStage {
    #private;
    constructor(engine: Transform, algorithm: string, maxRatio: number);
    protected admit(chunk: Buffer): Buffer;
    protected inspect(piece: Buffer): void;
    protected endedEarly(): SluiceError;
    protected translate(cause: Error & {
        code?: string;
    }): Error;
}
export {};
