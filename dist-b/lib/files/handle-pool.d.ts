/** What a pool opens and closes. */
export interface Pooled {
    open(): Promise<number>;
    /** Closes the handle. An error reaches whoever asked for the close, and nobody if the pool did it to make room. */
    shut(fd: number): Promise<void>;
}
/**
 * Keeps the handles of many files open, but never more than a fixed number at once: those used longest ago are closed
 * to make room, and whoever asks while all are in use waits.
 */
export declare class HandlePool {
    #private;
    /** @param most handles open at once. Default 64. */
    constructor(most?: number);
    /** Calls `work` with the open handle of `file`, opened if it is not. Fails as `open` and `work` do. */
    use<T>(file: Pooled, work: (fd: number) => Promise<T>): Promise<T>;
    /** Closes the handle of `file`, once nobody uses it. Fails as `shut` does. */
    drop(file: Pooled): Promise<void>;
    /** Closes every handle, those in use as soon as they are not. Nothing can be opened afterwards. */
    close(): Promise<void>;
}
