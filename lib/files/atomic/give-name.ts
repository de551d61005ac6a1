import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { digestFile } from '../disk/digest-file.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { type Copied, copyFile, moveFile, orRemove } from '../disk/move-file.js'
import { inside } from '../disk/names.js'
import { withRegular } from '../disk/open-regular.js'
import { checkIsStill, checkStillWritten, removeWritten } from '../disk/stats.js'
import { temporaryName } from '../own/temporary-name.js'
import { publish } from '../publish/publish.js'
import { handlesOf } from '../tree/handle-budget.js'
import { Folder } from '../tree/open-folder.js'
import type { UnnamedFile, Written } from './atomic-file.js'
import { makeBackup, nextTime, pruneBackups, trueBackups } from './backups.js'

type Named = Pick<Written, 'path' | 'backup' | 'warning'>

/** One of which nothing is written any more: no other file gets its name. */
type Finished = UnnamedFile & { stats: FileStats }

/**
 * Gives a finished temporary file its name. Throws system errors; the caller then removes the temporary file, unless
 * it was moved to another folder before.
 */
export async function giveName(draft: Finished): Promise<Named> {
  const { target, settings, temporary } = draft
  const { fs, durability, conflict, backup, tempDir } = settings
  // the folder is opened only if something is done that needs it
  if (durability === 'crash' && conflict === 'overwrite' && backup === 0 && tempDir === undefined) {
    draft.check()
    await move(draft, temporary, target.path)
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

/** The last look, also before another attempt: nothing but what was written gets a name. */
function move({ settings, stats, guard }: Finished, from: string, to: string): Promise<void> {
  const { fs, clock } = settings
  return moveFile(fs, clock, from, to, stats, async () => {
    await guard?.()
    await checkStillWritten(fs, from, stats)
  })
}

/** Moves a temporary file from another folder beside its target first, so that the last step is within one folder. */
async function fromElsewhere(folder: Folder, draft: Finished): Promise<Named> {
  const { settings, temporary, check } = draft
  const { fs, durability } = settings
  const name = temporaryName()
  const beside = folder.at(name)
  let copied: Copied | undefined
  try {
    await move({ ...draft, guard: undefined }, temporary, beside)
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error
    const copy = () => copyFile(fs, temporary, beside, durability === 'power', check)
    copied = await handlesOf(fs).retry(copy)
  }
  const stats = copied?.written ?? draft.stats
  const give = async () => {
    // what was copied is what had the name when it was opened
    if (copied) checkIsStill(copied.source, draft.stats)
    const verify = (fd: number) => verifyFile(fs, fd, draft.digest!, draft.target.path)
    if (copied && settings.verify) await withRegular(fs, beside, verify)
    const named = await nameIn(folder, name, { ...draft, stats })
    if (copied) await removeWritten(fs, temporary, draft.stats).catch(() => {})
    return copied?.warning ? { warning: copied.warning, ...named } : named
  }
  return orRemove(fs, beside, give, stats)
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

async function nameIn(folder: Folder, temporary: string, draft: Finished): Promise<Named> {
  const { target, settings, stats, check } = draft
  const { fs, durability, conflict } = settings
  const power = durability === 'power'
  const { name } = target
  if (conflict !== 'overwrite') {
    check()
    const policy = { conflict, durability, written: stats }
    const { name: taken, warning } = await publish(fs, folder, temporary, name, policy)
    return { path: inside(folder.path, taken), ...(warning && { warning }) }
  }
  let backup: string | undefined
  if (settings.backup > 0) {
    const time = nextTime(await trueBackups(fs, folder, name), settings.now())
    backup = await makeBackup(fs, folder, name, { time, power })
  }
  try {
    check()
    await move(draft, folder.at(temporary), folder.at(name))
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
