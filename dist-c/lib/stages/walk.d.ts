import { SluiceError } from '../errors.js';
import { type FileSystem } from '../files/fs.js';
import type { Limits } from '../wire/limits.js';
import type { Entry } from '../wire/manifest.js';
import type { Selection } from './selection.js';
import { type Source } from './source-file.js';
/** An entry without its place in the offer, and where its bytes are. */
export type Found = Omit<Entry, 'index' | 'start'> & {
    source?: Source;
};
/** What a {@link Walk} is to do. */
export interface WalkOptions {
    keepLinks: boolean;
    gitignore: boolean;
    limits: Limits;
}
/** Goes through folders in a fixed order and gives out what is to be sent. */
export declare class Walk {
    #private;
    readonly skipped: SluiceError[];
    constructor(fs: FileSystem, selection: Selection, options: WalkOptions, give: (found: Found) => void);
    /** What the user named: a link is followed, and what is not there is an error. */
    argument(given: string, path: string, name: string): Promise<void>;
}
