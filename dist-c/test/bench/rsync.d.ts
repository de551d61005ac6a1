import type { Run } from './pair.js';
/** Its version, or why it cannot take part. */
export declare function rsyncVersion(): {
    version: string;
} | {
    missing: string;
};
/** Sends a folder to an rsync daemon on loopback, all bytes of it (`--whole-file`), without authentication. */
export declare function runRsync(source: string, target: string, scratch: string): Promise<Run>;
