import type { Readable } from 'node:stream';
import type { ExecutionContext } from 'ava';
import { type Code, type FileSourceOptions, type Item, type Manifest, type Run } from '../../lib/index.js';
import { MemoryDisk } from '../../lib/testing/index.js';
export declare const KIB = 1024;
export declare function collect(stream: Readable): Promise<Item[]>;
export declare function read(fs: MemoryDisk, manifest: Manifest, options?: FileSourceOptions): Promise<Item[]>;
export declare function allClosed(fs: MemoryDisk): void;
export declare const runsOf: (items: Item[]) => Run[];
/** The content per path, whether it ended, and the failure. Checks what every run must be. */
export declare function filesOf(t: ExecutionContext, items: Item[]): Record<string, {
    text: string;
    ended: boolean;
    failure?: Code;
}>;
export declare const ended: (text: string) => {
    text: string;
    ended: boolean;
};
export declare const failed: (failure: Code, text?: string) => {
    text: string;
    ended: boolean;
    failure: "ERR_CANCELLED" | "ERR_CONFLICT" | "ERR_CORRUPT" | "ERR_DECRYPT" | "ERR_DESTROYED" | "ERR_DIGEST" | "ERR_DISK_FULL" | "ERR_DUPLICATE_NAME" | "ERR_FILES_FAILED" | "ERR_FORMATS" | "ERR_INTERRUPTED" | "ERR_LIMIT" | "ERR_LOCKED" | "ERR_LOCK_LOST" | "ERR_NOT_SLUICE" | "ERR_NO_SUCH_FILE" | "ERR_OUTCOME_UNKNOWN" | "ERR_PARSE" | "ERR_PATH" | "ERR_PEER" | "ERR_PERMISSION" | "ERR_PROTOCOL" | "ERR_READ_ONLY" | "ERR_REJECTED" | "ERR_SCHEMA" | "ERR_SKIPPED" | "ERR_SOURCE_CHANGED" | "ERR_SOURCE_READ" | "ERR_STATE" | "ERR_TIMEOUT" | "ERR_TRANSACTION" | "ERR_TRUNCATED" | "ERR_UNREACHABLE" | "ERR_UNSAFE_LINK" | "ERR_UNSENDABLE" | "ERR_UNSUPPORTED" | "ERR_USAGE" | "ERR_VERSION" | "ERR_WRITE";
};
/** `a` and `z` are small, `m` is small or large. */
export declare function between(m: Buffer): Promise<{
    fs: MemoryDisk;
    manifest: Manifest;
    around: object;
}>;
export declare const SMALL: Buffer<ArrayBufferLike>;
export declare const LARGE: Buffer<ArrayBufferLike>;
