import { isSluiceError, SluiceError } from '../../errors.js'
import { systemCode } from '../disk/disk-error.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import { isJournalName, parseIntentName, parseRecoveryName } from './names.js'
import { ownerOfTemporary } from './temporary-name.js'

/** The possible names of our folder: the first one that is free or ours is used. */
export const OWN_FOLDERS = ['.sluice', '.sluice_1', '.sluice_2', '.sluice_3', '.sluice_4'] as const

/** Whether a path below a root is that of one of our folders, or of something in it. */
export function isInOwnFolder(path: string): boolean {
  return (OWN_FOLDERS as readonly string[]).includes(path.split('/')[0]!)
}

const MOST_FOLDER_TRIES = 16

/**
 * Calls `make` with our folder, which is made if it is missing; again if another process, which was done with it, has
 * removed it meanwhile. `make` releases it, but not if it fails. `ERR_WRITE` if something else has all of its names.
 */
export async function makeInOwnFolder<T>(tree: Tree, make: (folder: OpenFolder) => Promise<T>): Promise<T> {
  for (const name of OWN_FOLDERS) {
    for (let tries = 1; ; tries++) {
      const folder = await makeOwnFolder(tree, name)
      if (!folder) break
      try {
        return await make(folder)
      } catch (error) {
        await removeOwnFolder(tree, folder)
        if (systemCode(error) !== 'ENOENT' || tries === MOST_FOLDER_TRIES) throw error
      }
    }
  }
  const message = `every name for our folder is taken (${OWN_FOLDERS.join(', ')}); move one away`
  throw new SluiceError('ERR_WRITE', message, { path: OWN_FOLDERS[0] })
}

/**
 * Makes or enters our folder. Always looks at what has the name now: another process may have removed the folder that
 * this process still has open. Returns undefined if something else has the name.
 */
async function makeOwnFolder(tree: Tree, name: string): Promise<OpenFolder | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      return await enterOwn(tree, name)
    } catch (error) {
      // it was removed between the mkdir and the open
      if (systemCode(error) !== 'ENOENT' || tries === MOST_FOLDER_TRIES) throw error
    }
  }
}

async function enterOwn(tree: Tree, name: string): Promise<OpenFolder | undefined> {
  try {
    const made = await tree.makeFolder(name, 0o700)
    tree.forget(name)
    const folder = await tree.folder(name)
    return made === 'created' ? folder : await ifOurs(tree, folder)
  } catch (error) {
    return unlessTaken(error, 'EEXIST')
  }
}

/** The folder at `path`; undefined if there is none, but nothing, something else or a link. */
export async function folderAt(tree: Tree, path: string): Promise<OpenFolder | undefined> {
  return tree.folder(path).catch((error: unknown) => unlessTaken(error, 'ENOENT'))
}

/** Returns undefined for an error that says that a link or no folder has the name, or has this code; throws others. */
function unlessTaken(error: unknown, code: string): undefined {
  const found = systemCode(error)
  if (!isSluiceError(error, 'ERR_UNSAFE_LINK') && found !== code && found !== 'ENOTDIR') throw error
}

/** Our folder, if it exists and is ours; see {@link makeOwnFolder}. */
export async function findOwnFolder(tree: Tree, name: string): Promise<OpenFolder | undefined> {
  tree.forget(name)
  const folder = await folderAt(tree, name)
  return folder && ifOurs(tree, folder)
}

/** The folder if it is one of ours: only its owner may enter it, and all names in it are ours. Else releases it. */
async function ifOurs(tree: Tree, folder: OpenFolder): Promise<OpenFolder | undefined> {
  let isOurs = false
  try {
    const { mode } = await tree.fs.fstat(folder.fd)
    const isPrivate = tree.fs.platform === 'win32' || (mode & 0o077) === 0
    isOurs = isPrivate && (await folder.list()).map(String).every(isOwnName)
    return isOurs ? folder : undefined
  } finally {
    if (!isOurs) folder.release()
  }
}

/** Each of our folders that exists. It is released when the next one is asked for, and with `tidy` removed if empty. */
export async function* ownFolders(tree: Tree, tidy = false): AsyncGenerator<OpenFolder> {
  for (const name of OWN_FOLDERS) {
    const folder = await findOwnFolder(tree, name)
    if (!folder) continue
    try {
      yield folder
    } finally {
      if (tidy) await removeOwnFolder(tree, folder)
      else folder.release()
    }
  }
}

/** Whether a file with this name in our folder is ours: a journal, an intent, a recovery point, or a temporary file. */
function isOwnName(name: string): boolean {
  return (
    isJournalName(name) ||
    parseIntentName(name) !== undefined ||
    parseRecoveryName(name) !== undefined ||
    ownerOfTemporary(name) !== undefined
  )
}

/** Removes our folder if it is empty, and releases it. */
export async function removeOwnFolder(tree: Tree, folder: OpenFolder): Promise<void> {
  folder.release()
  // it fails if something else of ours is in it
  await tree.within('', (root) => tree.fs.rmdir(root.at(folder.path)).catch(() => {}))
}

/** Removes those of our folders that are empty: a power cut may have brought them back. */
export async function removeEmptyFolders(tree: Tree): Promise<void> {
  for await (const folder of ownFolders(tree, true)) void folder
}
