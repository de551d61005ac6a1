/** What is compared beside names, kinds and every byte. */
export interface SameTreeOptions {
    /** Permission bits, of files and folders. */
    modes?: boolean;
    /** Times of modification in whole milliseconds, of files and folders. */
    times?: boolean;
    /** `skip`: links of the source are not looked for in the target. */
    links?: 'compare' | 'skip';
}
/** What a comparison found. */
export interface SameTree {
    files: number;
    folders: number;
    links: number;
    bytes: number;
    /** One sentence for each difference; the first hundred. */
    differences: string[];
}
/**
 * Compares two folders by reading both: names, kinds, every byte, and what the options ask for. Uses `node:fs` and
 * nothing of the library, so that it can judge it.
 */
export declare function sameTree(source: string, target: string, options?: SameTreeOptions): SameTree;
