import { type Ignore } from 'ignore';
/** The rules of one `.gitignore`, which hold from its folder down. */
export interface FolderRules {
    /** Path of the folder with a slash at its end, or '' for all. */
    prefix: string;
    rules: Ignore;
    /** Those of the folders above, which hold where these say nothing. */
    above: FolderRules | undefined;
}
/** Which paths to send, by patterns in the syntax of `.gitignore`. */
export declare class Selection {
    #private;
    /** @param platform decides whether upper and lower case differ in patterns, as its own tools do */
    constructor(include: readonly string[], exclude: readonly string[], platform: NodeJS.Platform);
    rules(patterns: string | readonly string[]): Ignore;
    /** Whether neither the path nor, if it is a folder, anything below it is to be sent. */
    excluded(path: string, isFolder: boolean, folderRules: FolderRules | undefined): boolean;
    /** Whether the path is asked for itself. A folder that is not may still lead to something that is. */
    included(path: string, isFolder: boolean): boolean;
}
/** Checks an option of patterns; throws `ERR_USAGE`. */
export declare function checkPatterns(option: string, patterns: unknown): readonly string[];
