import type { ExecutionContext } from 'ava';
import { type Code, type ManifestOptions } from '../../lib/index.js';
import { MemoryDisk } from '../../lib/testing/index.js';
/** A disk with these files; `null` is a folder. */
export declare function disk(files: Record<string, string | null>, options?: {}): MemoryDisk;
export declare function pathsOf(fs: MemoryDisk, paths: string[], options?: ManifestOptions): Promise<string[]>;
export declare function allClosed(fs: MemoryDisk): void;
/** That it fails with this code, and says so. */
export declare function refused(t: ExecutionContext, code: Code, made: Promise<unknown>, message?: RegExp): Promise<void>;
