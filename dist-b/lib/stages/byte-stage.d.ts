import { Transform, type TransformCallback } from 'node:stream';
/** Bytes that a stage lets pile up on each of its sides before it asks the source to wait. */
export declare const HIGH_WATER_MARK: number;
type Done = (error?: Error | null) => void;
/**
 * A Transform over bytes whose work is written as two generators. One piece is made at a time, when there is
 * room for it, however large the chunk it is made from: back-pressure is one parked generator. What piled up
 * while the reader was slow comes as one batch, so that many small writes need not become many small pieces.
 */
export declare abstract class ByteStage extends Transform {
    #private;
    constructor(highWaterMark?: number);
    /** What these chunks become. Never gives out an empty piece. */
    protected abstract convert(chunks: Buffer[]): Iterator<Buffer>;
    /** What still follows after the last chunk. Throws when the input cannot end here. */
    protected abstract finish(): Iterator<Buffer>;
    _write(chunk: Buffer, _encoding: BufferEncoding, callback: Done): void;
    _writev(batch: {
        chunk: Buffer;
    }[], callback: Done): void;
    _flush(callback: TransformCallback): void;
    _read(): void;
}
export {};
