/**
 * Every code that Sluice raises, with the exit status of the command line (DESIGN.md, section 10).
 * Match on `error.code`, never on the text of a message.
 */
export declare const CODES: {
    readonly ERR_USAGE: {
        readonly exit: 2;
        readonly about: 'an option, argument or path is wrong';
    };
    readonly ERR_STATE: {
        readonly exit: 2;
        readonly about: 'the call does not fit the state of the object';
    };
    readonly ERR_UNSUPPORTED: {
        readonly exit: 2;
        readonly about: 'an algorithm or feature is not available here';
    };
    readonly ERR_DUPLICATE_NAME: {
        readonly exit: 2;
        readonly about: 'two arguments would arrive under one name';
    };
    readonly ERR_NO_SUCH_FILE: {
        readonly exit: 2;
        readonly about: 'a path to send does not exist';
    };
    readonly ERR_REJECTED: {
        readonly exit: 3;
        readonly about: 'the receiver did not accept the offer';
    };
    readonly ERR_CANCELLED: {
        readonly exit: 130;
        readonly about: 'one of the sides cancelled';
    };
    readonly ERR_INTERRUPTED: {
        readonly exit: 4;
        readonly about: 'the stream ended before the transfer did; rerun to resume';
    };
    readonly ERR_TIMEOUT: {
        readonly exit: 4;
        readonly about: 'the peer was silent for too long';
    };
    readonly ERR_UNREACHABLE: {
        readonly exit: 6;
        readonly about: 'no connection to the peer';
    };
    readonly ERR_PEER: {
        readonly exit: 7;
        readonly about: 'the peer reported an error of its own';
    };
    readonly ERR_NOT_SLUICE: {
        readonly exit: 7;
        readonly about: 'what the peer speaks is not Sluice';
    };
    readonly ERR_VERSION: {
        readonly exit: 7;
        readonly about: 'the peer speaks another version of the protocol';
    };
    readonly ERR_FORMATS: {
        readonly exit: 7;
        readonly about: 'the wire stages of the two sides do not match';
    };
    readonly ERR_PROTOCOL: {
        readonly exit: 7;
        readonly about: 'a message is malformed, out of range or out of order';
    };
    readonly ERR_LIMIT: {
        readonly exit: 7;
        readonly about: 'a limit of size, number or depth was exceeded';
    };
    readonly ERR_PATH: {
        readonly exit: 7;
        readonly about: 'a path is unsafe or not possible on this platform';
    };
    readonly ERR_TRUNCATED: {
        readonly exit: 4;
        readonly about: 'the input ended in the middle';
    };
    readonly ERR_DECRYPT: {
        readonly exit: 7;
        readonly about: 'wrong key, or the bytes were changed on the way';
    };
    readonly ERR_CORRUPT: {
        readonly exit: 7;
        readonly about: 'compressed or framed bytes cannot be read';
    };
    readonly ERR_FILES_FAILED: {
        readonly exit: 1;
        readonly about: 'the transfer finished, some files failed; see error.outcomes';
    };
    readonly ERR_DIGEST: {
        readonly exit: 5;
        readonly about: 'the content of a file does not match its digest';
    };
    readonly ERR_SOURCE_CHANGED: {
        readonly exit: 1;
        readonly about: 'a file changed, shrank or vanished while it was read';
    };
    readonly ERR_SOURCE_READ: {
        readonly exit: 1;
        readonly about: 'a file could not be read at the sender';
    };
    readonly ERR_CONFLICT: {
        readonly exit: 1;
        readonly about: 'the name is taken by other content';
    };
    readonly ERR_SKIPPED: {
        readonly exit: 0;
        readonly about: 'not asked for: a link, a device, or excluded by policy';
    };
    readonly ERR_UNSENDABLE: {
        readonly exit: 0;
        readonly about: 'a name that is not valid UTF-8 cannot be sent';
    };
    readonly ERR_DISK_FULL: {
        readonly exit: 8;
        readonly about: 'not enough room at the receiver';
    };
    readonly ERR_READ_ONLY: {
        readonly exit: 8;
        readonly about: 'the receiving disk cannot be written';
    };
    readonly ERR_PERMISSION: {
        readonly exit: 8;
        readonly about: 'no permission at the receiving disk';
    };
    readonly ERR_WRITE: {
        readonly exit: 8;
        readonly about: 'a file could not be written';
    };
    readonly ERR_UNSAFE_LINK: {
        readonly exit: 8;
        readonly about: 'a symbolic link stands where a folder should be';
    };
    readonly ERR_PARSE: {
        readonly exit: 1;
        readonly about: 'a file is not the JSON, YAML or text that it should be';
    };
    readonly ERR_SCHEMA: {
        readonly exit: 1;
        readonly about: 'a value does not match its JSON Schema';
    };
    readonly ERR_LOCKED: {
        readonly exit: 1;
        readonly about: 'somebody else holds the lock';
    };
    readonly ERR_LOCK_LOST: {
        readonly exit: 1;
        readonly about: 'a lock that was held is held no more';
    };
    readonly ERR_TRANSACTION: {
        readonly exit: 1;
        readonly about: 'a transaction contradicts itself, or found what it did not leave';
    };
    readonly ERR_OUTCOME_UNKNOWN: {
        readonly exit: 1;
        readonly about: 'whether it is done can only be said after a recovery';
    };
    readonly ERR_DESTROYED: {
        readonly exit: 4;
        readonly about: 'a stream was destroyed before its end';
    };
};
/** One of the codes of {@link CODES}. */
export type Code = keyof typeof CODES;
/** The code that a peer told, if it is one of ours; else `ERR_PEER`. */
export declare function codeOf(text: string): Code;
/** What helps to find the cause: every part is optional. */
export interface ErrorDetails {
    /** What should have been there. */
    expected?: unknown;
    /** What was there instead. */
    found?: unknown;
    /** The path that it concerns, as it is (not escaped). */
    path?: string;
    /** What became of every entry, with `ERR_FILES_FAILED`. */
    outcomes?: readonly unknown[];
    /** The error underneath, for instance one of the file system. */
    cause?: unknown;
}
/** The one error class of Sluice. `code` says which kind, `cause` what was underneath. */
export declare class SluiceError extends Error {
    readonly name = "SluiceError";
    readonly code: Code;
    readonly expected?: unknown;
    readonly found?: unknown;
    readonly path?: string;
    readonly outcomes?: readonly unknown[];
    constructor(code: Code, message: string, details?: ErrorDetails);
}
/** Whether `error` is a {@link SluiceError}, of `code` if one is given. */
export declare function isSluiceError(error: unknown, code?: Code): error is SluiceError;
/**
 * Text from a peer or from a disk, made safe to show: control characters, invisible and direction-changing
 * marks, lone surrogates and the backslash itself become `\n`-style or `\u{…}` escapes; at most `max` characters.
 */
export declare function printable(text: string, max?: number): string;
