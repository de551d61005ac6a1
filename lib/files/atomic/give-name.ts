import { basename, join } from 'node:path'
import type { SluiceError } from '../../errors.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import { copyFile, moveFile } from '../disk/move-file.js'
import { openRegular } from '../disk/open-regular.js'
import { temporaryName } from '../own/temporary-name.js'
import { publish } from '../publish/publish.js'
import { Folder } from '../tree/folder.js'
import type { UnnamedFile, Written } from './atomic-file.js'
import { listBackups, makeBackup, nextTime, pruneBackups } from './backups.js'
import { verifyFile } from './verify.js'

type Named = Pick<Written, 'path' | 'backup' | 'warning'>

/**
 * Gives a finished temporary file its name. Throws system errors; the caller then removes the temporary file, unless
 * it was moved to another folder before.
 */
export async function giveName(draft: UnnamedFile): Promise<Named> {
  const { target, settings, temporary } = draft
  const { fs, clock, durability, conflict, backup, tempDir } = settings
  // the folder is opened only if something is done that needs it
  if (durability === 'crash' && conflict === 'overwrite' && backup === 0 && tempDir === undefined) {
    draft.check()
    await moveFile(fs, clock, temporary, target.path, draft.stats)
    return { path: target.path }
  }
  const folder = await Folder.open(fs, target.folder)
  try {
    if (tempDir === undefined) return await nameIn(folder, basename(temporary), draft)
    return await fromElsewhere(folder, draft)
  } finally {
    await folder.close()
  }
}

/** Moves a temporary file from another folder beside its target first, so that the last step is within one folder. */
async function fromElsewhere(folder: Folder, draft: UnnamedFile): Promise<Named> {
  const { settings, temporary, check } = draft
  const { fs, clock, durability } = settings
  const name = temporaryName()
  const beside = folder.at(name)
  let isCopy = false
  try {
    await moveFile(fs, clock, temporary, beside, draft.stats)
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error
    await copyFile(fs, temporary, beside, durability === 'power', check)
    isCopy = true
  }
  try {
    if (isCopy && settings.verify) await verifyCopy(beside, draft)
    const named = await nameIn(folder, name, isCopy ? { ...draft, stats: undefined } : draft)
    if (isCopy) await fs.unlink(temporary).catch(() => {})
    return named
  } catch (error) {
    await fs.unlink(beside).catch(() => {})
    throw error
  }
}

async function verifyCopy(path: string, { target, settings: { fs }, digest }: UnnamedFile): Promise<void> {
  const { fd } = await openRegular(fs, path)
  try {
    await verifyFile(fs, fd, digest!, target.path)
  } finally {
    await fs.close(fd).catch(() => {})
  }
}

async function nameIn(
  folder: Folder,
  temporary: string,
  { target, settings, stats, check }: UnnamedFile,
): Promise<Named> {
  const { fs, clock, durability, conflict } = settings
  const power = durability === 'power'
  const { name } = target
  if (conflict !== 'overwrite') {
    check()
    const { name: taken, warning } = await publish(fs, folder, temporary, name, { conflict, durability })
    return { path: join(folder.path, taken), ...(warning && { warning }) }
  }
  const backup = settings.backup > 0 ? await backUp(folder, name, settings.now(), power, fs) : undefined
  try {
    check()
    await moveFile(fs, clock, folder.at(temporary), folder.at(name), stats)
  } catch (error) {
    // the file was not replaced: a backup by a link would change with it
    if (backup !== undefined) await fs.unlink(folder.at(backup)).catch(() => {})
    throw error
  }
  if (power) {
    await folder.sync().catch((error: unknown) => {
      throw diskError(error, 'sync the folder of', target.path)
    })
  }
  if (backup === undefined) return { path: target.path }
  const warning = await prune(folder, name, settings.backup, backup, fs)
  return { path: target.path, backup: join(folder.path, backup), ...(warning && { warning }) }
}

async function backUp(
  folder: Folder,
  name: string,
  now: number,
  power: boolean,
  fs: UnnamedFile['settings']['fs'],
): Promise<string | undefined> {
  const time = nextTime(await listBackups(fs, folder, name), now)
  return makeBackup(fs, folder, name, { time, power })
}

/** A backup that cannot be removed is no failure: the new content has its name. */
async function prune(
  folder: Folder,
  name: string,
  keep: number,
  made: string,
  fs: UnnamedFile['settings']['fs'],
): Promise<SluiceError | undefined> {
  try {
    await pruneBackups(fs, folder, name, keep, made)
    return undefined
  } catch (error) {
    return diskError(error, 'remove old backups of', name)
  }
}
