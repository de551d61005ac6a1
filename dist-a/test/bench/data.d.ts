/** One file of random bytes in a folder of its own. */
export declare function makeLarge(folder: string, bytes: number): void;
/** Files of random bytes, a hundred to a folder. */
export declare function makeSmall(folder: string, count: number, bytes: (index: number) => number): void;
/** A file that is all hole: it takes no room here, and its full size at a receiver that does not look for holes. */
export declare function makeSparse(folder: string, bytes: number): void;
/** Reads a file once, so that the page cache has it. */
export declare function warm(path: string): void;
