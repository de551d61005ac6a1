import type { ExecutionContext } from 'ava';
/** A temporary folder that is removed when the test ends. */
export declare function temporary(t: ExecutionContext<unknown>): Promise<string>;
/** Writes a tree: text or bytes are files, `null` is an empty folder. Times are set to whole seconds of the past. */
export declare function plant(root: string, tree: Record<string, string | Buffer | null>): Promise<string>;
/** What stands under a folder: per path its kind, mode, and for files size, time and digest. */
export declare function listing(root: string, { times }?: {
    times?: boolean | undefined;
}): Promise<Record<string, string>>;
