import { dirname, join } from 'node:path'
import { checkPath } from '../disk/check-options.js'
import { temporaryName } from '../own/temporary-name.js'

/** Options of {@link tempPath}. */
export interface TempPathOptions {
  /** What the name begins with, behind the dot: for people. */
  prefix?: string
  /** The folder. Default: that of the target, so that a rename puts it in place. */
  dir?: string
}

/**
 * A path for a temporary file of this process beside `target`, which nobody else takes. Nothing is made. What is left
 * there is removed by `removeOrphans` once this process is gone. `ERR_USAGE` for what is no path.
 */
export function tempPath(target: string, { prefix, dir }: TempPathOptions = {}): string {
  checkPath('target', target)
  if (dir !== undefined) checkPath('dir', dir)
  return join(dir ?? dirname(target), temporaryName({ prefix }))
}
