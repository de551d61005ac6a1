/**
 * Calls `work` for each item, at most `most` at once, begun in order. After the first failure no more are begun; it
 * is thrown when those that run have ended.
 */
export declare function atMost<T>(most: number, items: readonly T[], work: (item: T) => Promise<void>, isStopped?: () => boolean): Promise<void>;
/** Calls `work` for each item in slices, between which the event loop turns: for a million items. */
export declare function inSlices<T>(items: readonly T[], work: (item: T) => void): Promise<void>;
