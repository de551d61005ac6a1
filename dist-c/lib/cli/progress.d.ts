import type { Progress } from '../transfer/progress.js';
/** Bytes for people: 1.5 GB. */
export declare function size(bytes: number): string;
/** A duration for people. */
export declare function duration(milliseconds: number): string;
/** The lines that show a running transfer: the file that is under way, and the total. At most `columns` wide. */
export declare function progressLines(progress: Progress, columns: number): string[];
/** A path escaped, its beginning cut away where there is no room. */
export declare function named(path: string, columns: number): string;
