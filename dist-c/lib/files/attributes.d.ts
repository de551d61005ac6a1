import type { FileSystem } from './fs.js';
/**
 * Remembers for which modes a new file gets other bits than were asked for: the umask, and what the disk adds. Shared
 * by the files in one place, so that it is asked once and not for each of them.
 */
export type ModeMemory = Map<number, boolean>;
/**
 * Sets the permission bits of an open file or folder, unless it has them.
 * @param memory given for what was just made with this mode
 */
export declare function setMode(fs: FileSystem, fd: number, mode: number, memory?: ModeMemory): Promise<void>;
/** Sets the time of last change, in whole milliseconds. */
export declare function setTime(fs: FileSystem, fd: number, mtime: number): Promise<void>;
