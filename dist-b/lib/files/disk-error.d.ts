import { SluiceError } from '../errors.js';
/** The `code` of a system error (`ENOENT`, …), or undefined for anything else. */
export declare function errorCode(error: unknown): string | undefined;
/** A system error as Node makes them, where Sluice itself finds what the system did not say. */
export declare class SystemError extends Error {
    readonly code: string;
    readonly syscall: string;
    /** What belongs to the message beyond the code: numbers. */
    readonly detail: string;
    constructor(code: string, syscall: string, detail: string);
}
/**
 * What a failed call on the receiving disk means to the user. ENOSPC and EDQUOT become `ERR_DISK_FULL`, EROFS
 * `ERR_READ_ONLY`, EACCES and EPERM `ERR_PERMISSION`, ELOOP `ERR_UNSAFE_LINK`, everything else `ERR_WRITE`; a
 * {@link SluiceError} stays what it is.
 * @param what a verb for the message: 'write', 'publish', 'open'
 * @param path what it was done to, shown escaped and kept in `error.path`
 */
export declare function diskError(error: unknown, what: string, path: string): SluiceError;
