import { type Limits } from './limits.js';
/**
 * `native`: names that this platform can hold and does not interpret; `portable`: names that every platform can hold.
 */
export type Names = 'native' | 'portable';
export interface PathRules {
    /** Default `native`. */
    names?: Names;
    /** As `process.platform`, which is the default: decides what `native` means. */
    platform?: string;
    /** In bytes of UTF-8, and number of names. */
    limits?: Pick<Limits, 'path' | 'name' | 'depth'>;
}
/**
 * Checks the path of an entry: POSIX, relative, and nothing that leads anywhere else than it says. A path that only
 * some platforms interpret (a backslash, the name of a device …) is refused on those, and wherever names are to be
 * portable.
 * @throws SluiceError `ERR_PATH`, with the path and what is wrong with it; `ERR_USAGE` for `names`
 */
export declare function checkPath(path: string, rules?: PathRules): void;
