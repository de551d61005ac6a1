import type { Directory, Tree } from './tree.js';
/** Our folder has one of these names, the first that is free or ours. */
export declare const JOURNAL_FOLDERS: readonly ['.sluice', '.sluice_1', '.sluice_2', '.sluice_3', '.sluice_4'];
/** A journal that was just made. */
export interface Opened {
    folder: Directory;
    name: string;
    fd: number;
}
/** Makes the file of a new journal, and our folder around it. */
export declare function openNew(tree: Tree, transfer: string, isTaken: (name: string) => boolean): Promise<Opened>;
/** Whether a standing folder is one of ours: nobody else may look into it, and there is nothing else inside. */
export declare function isOwn(tree: Tree, folder: Directory): Promise<boolean>;
/** Removes our folder if nothing is in it any more, and gives it back. */
export declare function removeFolder(tree: Tree, folder: Directory): Promise<void>;
