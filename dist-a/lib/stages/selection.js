import ignore, {} from 'ignore';
import { SluiceError } from '../errors.js';
/** Which paths to send, by patterns in the syntax of `.gitignore`. */
export class Selection {
    #include;
    #exclude;
    #ignorecase;
    /** @param platform decides whether upper and lower case differ in patterns, as its own tools do */
    constructor(include, exclude, platform) {
        this.#ignorecase = platform === 'win32' || platform === 'darwin';
        this.#include = include.length > 0 ? this.rules(include) : undefined;
        this.#exclude = exclude.length > 0 ? this.rules(exclude) : undefined;
    }
    rules(patterns) {
        return ignore({ ignorecase: this.#ignorecase }).add(patterns);
    }
    /** Whether neither the path nor, if it is a folder, anything below it is to be sent. */
    excluded(path, isFolder, folderRules) {
        const tested = isFolder ? `${path}/` : path;
        if (this.#exclude?.test(tested).ignored)
            return true;
        for (let own = folderRules; own; own = own.above) {
            const { ignored, unignored } = own.rules.test(tested.slice(own.prefix.length));
            if (ignored)
                return true;
            if (unignored)
                return false;
        }
        return false;
    }
    /** Whether the path is asked for itself. A folder that is not may still lead to something that is. */
    included(path, isFolder) {
        return this.#include === undefined || this.#include.test(isFolder ? `${path}/` : path).ignored;
    }
}
/** Checks an option of patterns; throws `ERR_USAGE`. */
export function checkPatterns(option, patterns) {
    if (Array.isArray(patterns) && patterns.every((pattern) => typeof pattern === 'string'))
        return patterns;
    throw new SluiceError('ERR_USAGE', `${option}: must be a list of patterns as in .gitignore`, {
        found: patterns,
    });
}
//# sourceMappingURL=selection.js.map