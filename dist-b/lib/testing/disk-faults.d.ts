import type { FileSystem } from '../files/fs.js';
/** The calls that can fail. */
export type DiskCall = Exclude<keyof FileSystem, 'platform' | 'at'>;
/** What is about to happen on a {@link MemoryDisk}. */
export interface DiskEvent {
    call: DiskCall;
    /** What it is done to; for a handle the path that leads to it. Never below `/proc`. */
    path: string;
    /** The second path of `link` and `rename`. */
    to?: string;
    /** How many calls came before this one. */
    number: number;
}
/** One rule of {@link MemoryDisk.fail}. */
export interface DiskFault {
    /** The call that fails; '*' is any. */
    call: DiskCall | '*';
    /** Only where the path, or the second one, is this or matches this. */
    path?: string | RegExp;
    /** The how manyth such call from now fails; 1 (the default) is the next one. */
    nth?: number;
    /** Whether only that one fails (the default), or all after it too. */
    once?: boolean;
    /** The system code that it fails with: 'EIO', 'ENOSPC', … */
    error?: string;
    /** Instead of an error: a write, or a read, takes so many bytes at most. */
    short?: number;
    /** The call does its work and says afterwards that it failed, as when an answer is lost. */
    after?: boolean;
}
/** The rules that are in force. */
export declare class DiskFaults {
    #private;
    get none(): boolean;
    add(fault: DiskFault): void;
    clear(): void;
    /** Counts the call in every rule that it fits; gives the first one that strikes. */
    strike(event: DiskEvent): DiskFault | undefined;
}
