import type { Entry } from '../wire/manifest.js';
import type { Destination } from './destination.js';
import { type Outcome } from './outcomes.js';
/**
 * Sets modes and times of the folders, the deepest first: whatever is made or removed in a folder changes its time,
 * and its mode may forbid it. What fails here is a warning: the folder is there.
 */
export declare function endFolders(destination: Destination, entries: readonly Entry[], concurrency: number): Promise<Outcome[]>;
/** Makes the symbolic links, one after the other, at the very end: nothing is ever written through one. */
export declare function endLinks(destination: Destination, entries: readonly Entry[], symlinks: 'skip' | 'keep'): Promise<Outcome[]>;
/** Whether a link at `path` with this target leads to something in the destination, whatever it is. */
export declare function staysInside(path: string, target: string): boolean;
