import type { Directory } from './directory.js';
import { type FileStats, type FileSystem } from './fs.js';
/** A finished file under its temporary name, on the way to its own. */
export interface Finished {
    fs: FileSystem;
    directory: Directory;
    temporary: string;
}
/**
 * Gives the file the name `name` if nothing has it, never by looking first. 'linked': it has both names now;
 * 'moved': only the new one; 'taken': something else has the name.
 */
export declare function claim(file: Finished, name: string): Promise<'linked' | 'moved' | 'taken'>;
/** Whether the temporary name and `name` are one file: what a crash between link and unlink leaves. */
export declare function hasBothNames({ fs, directory, temporary }: Finished, name: string): Promise<boolean>;
/** What stands at `path`, not followed; undefined where nothing does. */
export declare function standing(fs: FileSystem, path: string): Promise<FileStats | undefined>;
/** Renames `from` over `to`; an error is believed only if a look afterwards does not find it done. */
export declare function moveOver(fs: FileSystem, from: string, to: string): Promise<void>;
