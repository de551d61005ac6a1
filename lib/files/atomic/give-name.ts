import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { digestFile } from '../disk/digest-file.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { copyFile, moveFile, orRemove } from '../disk/move-file.js'
import { inside } from '../disk/names.js'
import { withRegular } from '../disk/open-regular.js'
import { temporaryName } from '../own/temporary-name.js'
import { publish } from '../publish/publish.js'
import { handlesOf } from '../tree/handle-budget.js'
import { Folder } from '../tree/open-folder.js'
import type { UnnamedFile, Written } from './atomic-file.js'
import { makeBackup, nextTime, pruneBackups, trueBackups } from './backups.js'

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
    await moveFile(fs, clock, temporary, target.path, draft.stats, draft.guard)
    return { path: target.path }
  }
  const folder = await handlesOf(fs).retry(() => Folder.open(fs, target.folder))
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
  let notKept: SluiceError | undefined
  try {
    await moveFile(fs, clock, temporary, beside, draft.stats)
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error
    notKept = (await copyFile(fs, temporary, beside, durability === 'power', check)).warning
    isCopy = true
  }
  return orRemove(fs, beside, async () => {
    const verify = (fd: number) => verifyFile(fs, fd, draft.digest!, draft.target.path)
    if (isCopy && settings.verify) await withRegular(fs, beside, verify)
    const named = await nameIn(folder, name, isCopy ? { ...draft, stats: undefined } : draft)
    if (isCopy) await fs.unlink(temporary).catch(() => {})
    return notKept ? { warning: notKept, ...named } : named
  })
}

/**
 * Reads the open file back. `ERR_DIGEST` if it is not what was given.
 * @param expected SHA-256 of what was given
 * @param path for the message: the file that is being written
 */
export async function verifyFile(fs: FileSystem, fd: number, expected: Buffer, path: string): Promise<void> {
  const found = await digestFile(fs, fd, createHash('sha256'))
  if (found.equals(expected)) return
  const message = `what was read back of ${printable(path)} is not what was written; check the disk`
  throw new SluiceError('ERR_DIGEST', message, {
    path,
    expected: expected.toString('hex'),
    found: found.toString('hex'),
  })
}

async function nameIn(
  folder: Folder,
  temporary: string,
  { target, settings, stats, check, guard }: UnnamedFile,
): Promise<Named> {
  const { fs, clock, durability, conflict } = settings
  const power = durability === 'power'
  const { name } = target
  if (conflict !== 'overwrite') {
    check()
    const { name: taken, warning } = await publish(fs, folder, temporary, name, { conflict, durability })
    return { path: inside(folder.path, taken), ...(warning && { warning }) }
  }
  let backup: string | undefined
  if (settings.backup > 0) {
    const time = nextTime(await trueBackups(fs, folder, name), settings.now())
    backup = await makeBackup(fs, folder, name, { time, power })
  }
  try {
    check()
    await moveFile(fs, clock, folder.at(temporary), folder.at(name), stats, guard)
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
  const named = { path: target.path, backup: inside(folder.path, backup) }
  try {
    await pruneBackups(fs, folder, name, settings.backup, backup)
    return named
  } catch (error) {
    // a backup that cannot be removed is no failure: the new content has its name
    return { ...named, warning: diskError(error, 'remove old backups of', name) }
  }
}
