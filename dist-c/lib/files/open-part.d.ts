import { type FileStats, type FileSystem } from './fs.js';
import type { Folders } from './part-options.js';
/** Whether a failed exclusive open certainly made no file: of a failing disk nobody knows. */
export declare function isRefusal(error: unknown): boolean;
/**
 * Opens a part that stands there: a regular file with one name, and the one that it was, where that is known. A planted
 * file, or one that would be written under its second name too, is refused.
 */
export declare function openAgain(fs: FileSystem, path: string, known: FileStats | undefined): Promise<number>;
/** Removes a part; that it is gone already is fine. */
export declare function removePart(folders: Folders, folder: string, name: string): Promise<void>;
