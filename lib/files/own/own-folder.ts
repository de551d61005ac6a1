import { isSluiceError, SluiceError } from '../../errors.js'
import { diskError, systemCode } from '../disk/disk-error.js'
import { ifThere, isOfUser } from '../disk/stats.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import { entryOfAnother, type PassOver } from './foreign.js'
import {
  isJournalName,
  isStagedName,
  isUnforeseenFolder,
  OWN_FOLDERS,
  parseIntentName,
  parseRecoveryName,
  unforeseenFolder,
} from './names.js'
import { ownerOfTemporary } from './temporary-name.js'

const MOST_FOLDER_TRIES = 16

/**
 * Calls `make` with our folder, which is made if it is missing; again if another process, which was done with it, has
 * removed it meanwhile. `make` releases it, but not if it fails. `ERR_WRITE` if something else has all of its names.
 */
export async function makeInOwnFolder<T>(tree: Tree, make: (folder: OpenFolder) => Promise<T>): Promise<T> {
  for (const name of await possibleFolders(tree, true)) {
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
 * All names that our folder may have here: {@link OWN_FOLDERS}, and where other users may make files what stands there
 * of unforeseen ones.
 * @param another adds one more of these
 */
export async function possibleFolders(tree: Tree, another = false): Promise<string[]> {
  const unforeseen = await tree.within('', async (root) => {
    const { mode } = await tree.fs.fstat(root.fd).catch((error: unknown) => {
      throw diskError(error, 'look at the folder', tree.root)
    })
    const isShared = (mode & 0o022) !== 0 && tree.fs.user?.() !== undefined
    if (!isShared) return []
    const there = (await root.list()).map(String).filter(isUnforeseenFolder)
    return another ? [...there, unforeseenFolder()] : there
  })
  return [...OWN_FOLDERS, ...unforeseen]
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
    return made === 'created' ? await tree.folder(name) : await enterIfOurs(tree, name)
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
export async function findOwnFolder(
  tree: Tree,
  name: string,
  passOver?: PassOver,
): Promise<OpenFolder | undefined> {
  return enterIfOurs(tree, name, passOver).catch((error: unknown) => unlessTaken(error, 'ENOENT'))
}

/**
 * The folder `name` if it is one of ours: it belongs to the user who runs, nobody else may enter it, and all names in
 * it are ours.
 */
async function enterIfOurs(tree: Tree, name: string, passOver?: PassOver): Promise<OpenFolder | undefined> {
  const { fs } = tree
  // looked at first: that of another user cannot even be entered
  const there = await tree.within('', (root) => fs.lstat(root.at(name)))
  if (there.isDirectory() && !isOfUser(fs, there)) {
    passOver?.(entryOfAnother(name, there.uid))
    return undefined
  }
  const folder = await tree.folderNow(name)
  let isOurs = false
  try {
    const stats = await fs.fstat(folder.fd)
    const isPrivate = fs.platform === 'win32' || (stats.mode & 0o077) === 0
    isOurs = isPrivate && isOfUser(fs, stats) && (await folder.list()).map(String).every(isOwnName)
    return isOurs ? folder : undefined
  } finally {
    if (!isOurs) folder.release()
  }
}

/**
 * The names of the files in one of our folders, but for those of other users.
 * @param isWanted the others are not looked at
 */
export async function ownNames(
  tree: Tree,
  folder: OpenFolder,
  {
    passOver,
    isWanted = () => true,
  }: { passOver?: PassOver | undefined; isWanted?: (name: string) => boolean } = {},
): Promise<string[]> {
  const { fs } = tree
  const names: string[] = []
  for (const name of (await folder.list()).map(String).filter(isWanted)) {
    const there = await ifThere(fs.lstat(folder.at(name)))
    if (there && !isOfUser(fs, there)) passOver?.(entryOfAnother(`${folder.path}/${name}`, there.uid))
    else names.push(name)
  }
  return names
}

/** What {@link ownFolders} is asked to do. */
interface Visit {
  /** Remove a folder that is empty. */
  tidy?: boolean
  passOver?: PassOver | undefined
}

/** Each of our folders that exists. It is released when the next one is asked for. */
export async function* ownFolders(
  tree: Tree,
  { tidy = false, passOver }: Visit = {},
): AsyncGenerator<OpenFolder> {
  for (const name of await possibleFolders(tree)) {
    const folder = await findOwnFolder(tree, name, passOver)
    if (!folder) continue
    try {
      yield folder
    } finally {
      if (tidy) await removeOwnFolder(tree, folder)
      else folder.release()
    }
  }
}

/**
 * Whether what has this name in our folder is ours: a journal, an intent, a recovery point, a staged transfer, or a
 * temporary file.
 */
function isOwnName(name: string): boolean {
  return (
    isJournalName(name) ||
    parseIntentName(name) !== undefined ||
    parseRecoveryName(name) !== undefined ||
    isStagedName(name) ||
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
  for await (const folder of ownFolders(tree, { tidy: true })) void folder
}
