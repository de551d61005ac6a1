import ignore, { type Ignore } from 'ignore'
import { checkOption } from '../../options.js'

/** The rules of one `.gitignore`, which hold from its folder down. */
export interface FolderRules {
  /** Path of the folder with a slash at its end, or '' for all. */
  prefix: string
  rules: Ignore
  /** Those of the folders above, which hold where these say nothing. */
  above: FolderRules | undefined
}

/** Which paths to send, by patterns in the syntax of `.gitignore`. */
export class Selection {
  readonly #include: Ignore | undefined
  readonly #exclude: Ignore | undefined
  readonly #ignorecase: boolean

  /** @param platform decides whether upper and lower case differ in patterns, as its own tools do */
  constructor(include: readonly string[], exclude: readonly string[], platform: NodeJS.Platform) {
    this.#ignorecase = platform === 'win32' || platform === 'darwin'
    this.#include = include.length > 0 ? this.rules(include) : undefined
    this.#exclude = exclude.length > 0 ? this.rules(exclude) : undefined
  }

  rules(patterns: string | readonly string[]): Ignore {
    return ignore({ ignorecase: this.#ignorecase }).add(patterns)
  }

  /**
   * Whether a path is to be sent: 'no' means neither it nor anything below it, 'below' that it is a folder which may
   * lead to something that is.
   */
  chosen(path: string, isFolder: boolean, folderRules: FolderRules | undefined): 'yes' | 'below' | 'no' {
    if (!this.#exclude && !this.#include && !folderRules) return 'yes'
    const tested = isFolder ? `${path}/` : path
    if (this.#exclude?.test(tested).ignored) return 'no'
    for (let own = folderRules; own; own = own.above) {
      const { ignored, unignored } = own.rules.test(tested.slice(own.prefix.length))
      if (ignored) return 'no'
      if (unignored) break
    }
    if (!this.#include || this.#include.test(tested).ignored) return 'yes'
    return isFolder ? 'below' : 'no'
  }
}

/** Checks an option of patterns; throws `ERR_USAGE`. */
export function checkPatterns(option: string, patterns: unknown): void {
  const arePatterns = Array.isArray(patterns) && patterns.every((pattern) => typeof pattern === 'string')
  checkOption(option, patterns, arePatterns, 'a list of patterns as in .gitignore')
}
