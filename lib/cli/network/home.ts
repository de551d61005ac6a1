import { systemCode } from '../../files/disk/disk-error.js'
import { inside } from '../../files/disk/names.js'
import { commandFileSystem as fs } from '../../files/disk/node-fs.js'
import { homeFolder } from '../../peers/home.js'

/**
 * The home folder for whoever only looks whether there is something in it; undefined where there can be none. Throws
 * `ERR_PERMISSION` if others can write to it.
 */
export async function existingHome(): Promise<string | undefined> {
  try {
    return await homeFolder({ fs }, false)
  } catch (error) {
    // a name below a file: nothing is there, and what needs an identity says so
    if (systemCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** The file in which it is counted what known peers bring, in a home folder. */
export function quotaFileIn(home: string): string {
  return inside(home, 'quotas.json')
}

/** The file of the transfers that are over, in a home folder. */
export function historyFileIn(home: string): string {
  return inside(home, 'history.json')
}
