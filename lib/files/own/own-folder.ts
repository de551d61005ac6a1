import { SluiceError } from '../../errors.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import { OPEN } from '../disk/fs.js'
import { foldName } from '../disk/names.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import { isJournalName, journalName, parseIntentName, parseRecoveryName } from './names.js'
import { ownerOfTemporary } from './temporary-name.js'

/** The possible names of our folder: the first one that is free or ours is used. */
export const OWN_FOLDERS = ['.sluice', '.sluice_1', '.sluice_2', '.sluice_3', '.sluice_4'] as const

const MOST_FOLDER_TRIES = 16

/** A journal that was just made. */
export interface NewJournal {
  folder: OpenFolder
  name: string
  fd: number
}

/** Makes the file of a new journal, and our folder if it is missing. */
export async function openNewJournal(
  tree: Tree,
  transfer: string,
  isTaken: (name: string) => boolean,
): Promise<NewJournal> {
  for (const folderName of OWN_FOLDERS) {
    if (isTaken(foldName(folderName))) continue
    for (let tries = 1; ; tries++) {
      const folder = await makeOwnFolder(tree, folderName)
      if (!folder) break
      try {
        return { folder, ...(await createFile(tree, folder, transfer)) }
      } catch (error) {
        await removeOwnFolder(tree, folder)
        // the last journal in the folder was removed meanwhile, and the folder with it
        if (errorCode(error) === 'ENOENT' && tries < MOST_FOLDER_TRIES) continue
        throw diskError(error, 'make the journal in', folderName)
      }
    }
  }
  const message = `every name for the journal's folder is taken (${OWN_FOLDERS.join(', ')}); move one away`
  throw new SluiceError('ERR_WRITE', message, { path: OWN_FOLDERS[0] })
}

async function createFile(
  tree: Tree,
  folder: OpenFolder,
  transfer: string,
): Promise<{ name: string; fd: number }> {
  for (let n = 0; ; n++) {
    const name = journalName(transfer, n)
    try {
      return { name, fd: await tree.fs.open(folder.at(name), OPEN.create, 0o600) }
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }
}

/**
 * Makes or enters our folder. Always looks at what has the name now: another process may have removed the folder that
 * this process still has open. Returns undefined if something else has the name.
 */
export async function makeOwnFolder(tree: Tree, name: string): Promise<OpenFolder | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      return await enterOwn(tree, name)
    } catch (error) {
      // it was removed between the mkdir and the open
      if (errorCode((error as SluiceError).cause) !== 'ENOENT' || tries === MOST_FOLDER_TRIES) throw error
    }
  }
}

async function enterOwn(tree: Tree, name: string): Promise<OpenFolder | undefined> {
  try {
    const made = await tree.makeFolder(name, 0o700)
    tree.forget(name)
    const folder = await tree.folder(name)
    let own = made === 'created'
    try {
      own ||= await isOwnFolder(tree, folder)
    } finally {
      if (!own) folder.release()
    }
    return own ? folder : undefined
  } catch (error) {
    const cause = errorCode((error as SluiceError).cause)
    if ((error as SluiceError).code === 'ERR_UNSAFE_LINK' || cause === 'EEXIST' || cause === 'ENOTDIR')
      return undefined
    throw error
  }
}

/** The folder at `path`; undefined if there is none, but nothing, something else or a link. */
export async function folderAt(tree: Tree, path: string): Promise<OpenFolder | undefined> {
  try {
    return await tree.folder(path)
  } catch (error) {
    const cause = errorCode((error as SluiceError).cause)
    if ((error as SluiceError).code === 'ERR_UNSAFE_LINK' || cause === 'ENOENT' || cause === 'ENOTDIR')
      return undefined
    throw error
  }
}

/** Our folder, if it exists and is ours; see {@link makeOwnFolder}. */
export async function findOwnFolder(tree: Tree, name: string): Promise<OpenFolder | undefined> {
  tree.forget(name)
  const folder = await folderAt(tree, name)
  if (!folder) return undefined
  try {
    if (await isOwnFolder(tree, folder)) return folder
  } catch (error) {
    folder.release()
    throw error
  }
  folder.release()
  return undefined
}

/** Whether an existing folder is one of ours: only its owner may enter it, and all names in it are ours. */
export async function isOwnFolder(tree: Tree, folder: OpenFolder): Promise<boolean> {
  const { mode } = await tree.fs.fstat(folder.fd)
  if (tree.fs.platform !== 'win32' && (mode & 0o077) !== 0) return false
  return (await folder.list()).map(String).every(isOwnName)
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
  const { path } = folder
  folder.release()
  const root = await tree.folder('')
  try {
    await tree.fs.rmdir(root.at(path))
  } catch {
    // something else of ours is in it
  } finally {
    root.release()
  }
}

/** Removes those of our folders that are empty: a power cut may have brought them back. */
export async function removeEmptyFolders(tree: Tree): Promise<void> {
  for (const name of OWN_FOLDERS) {
    const folder = await findOwnFolder(tree, name)
    if (folder) await removeOwnFolder(tree, folder)
  }
}
