import type { Readable } from 'node:stream';
import { SluiceError } from '../errors.js';
import { type FileSystem } from '../files/fs.js';
import type { Entry } from '../wire/manifest.js';
import type { Clock } from './clock.js';
/** A file as it was when the manifest was made. */
export interface SourcePath {
    path: string;
    dev: number;
    ino: number;
    mtimeMs: number;
}
/** Where the bytes of a file come from. */
export type Source = SourcePath | {
    stream: Readable;
};
/**
 * A file of the manifest, open for reading. It must be the same as in the manifest when it is opened, and not change
 * until `verify`. All methods fail with `ERR_SOURCE_CHANGED` or `ERR_SOURCE_READ`.
 */
export declare class SourceFile {
    #private;
    private constructor();
    static open({ path, dev, ino, mtimeMs }: SourcePath, { size }: Entry, { fs, ...patience }: {
        fs: FileSystem;
        clock: Clock;
        signal: AbortSignal;
    }): Promise<SourceFile>;
    /** Fills `into` from `offset`: less than that means that the file was cut, and is never filled up. */
    read(into: Uint8Array, offset: number): Promise<void>;
    /** That it did not change since it was opened. The change time tells even where the other times were put back. */
    verify(): Promise<void>;
    /** What was read is not worth less when the handle cannot be closed. */
    close(): Promise<void>;
}
/** What a failed call on a source means: `ERR_SOURCE_CHANGED` if it is no longer there, `ERR_SOURCE_READ` otherwise. */
export declare function sourceError(path: string, cause: unknown): SluiceError;
