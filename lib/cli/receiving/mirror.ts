import { isUtf8 } from 'node:buffer'
import { isAbsolute, relative, sep } from 'node:path'
import { counted, printable, SluiceError } from '../../errors.js'
import { diskError } from '../../files/disk/disk-error.js'
import type { FileStats } from '../../files/disk/fs.js'
import { below, inside, localPath } from '../../files/disk/names.js'
import { commandFileSystem as fs } from '../../files/disk/node-fs.js'
import { lstatIfThere, sameContent, sameInode } from '../../files/disk/stats.js'
import { checkNotReserved, isOwnName, simplestForm, storedName } from '../../files/own/reserved.js'
import type { Conflict, Durability } from '../../files/publish/publish.js'
import { FileTransaction } from '../../files/transaction/file-transaction.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Offer } from '../../wire/entry.js'
import { timeInName } from '../sending/time-in-name.js'
import type { Reporter } from '../ui/reporter.js'
import type { Companion } from './companions.js'

/** How `--delete` goes about it. */
export interface MirrorFlags {
  dir: string
  conflict?: Conflict
  durability?: Durability
  delete?: boolean
  backupDir?: string
}

/** Paths that are shown before they are removed, at most. */
const MOST_SHOWN = 10

/** What stands in a folder that is offered, and is not in the offer. */
interface Extra {
  files: Map<string, FileStats>
  /** Those above come first. */
  folders: string[]
}

/**
 * For `--delete`: what stands in the top folders of an offer, and is not offered, is shown with the offer, and removed
 * once all of the transfer is there without a failure; or moved into a folder, where nothing of an earlier time is
 * replaced. What has come or changed there meanwhile stays, and so do links, parts and what is no file. All of it goes,
 * or nothing. Throws `ERR_USAGE` for flags that do not go together.
 */
export function mirror(flags: MirrorFlags, reporter: Reporter): Companion {
  const { dir, conflict, durability = 'crash' } = flags
  const root = localPath('--dir', dir)
  if (conflict !== 'overwrite' && conflict !== 'replace')
    throw new SluiceError(
      'ERR_USAGE',
      '--delete needs --conflict overwrite, or replace: else new versions stand beside the old ones, and go next time',
    )
  const backup = flags.backupDir === undefined ? undefined : backupIn(root, flags.backupDir)
  /** What was shown beside the question about each: it counts with a yes to that question only, not to another's. */
  const extras = new WeakMap<Transfer, Extra>()
  return {
    offered(offer) {
      return backup !== undefined && reaches(offer, backup)
        ? 'the receiver keeps its backups in a folder of this name'
        : undefined
    },
    async notes(offer, transfer) {
      // what is attached later adds to what was shown
      if (offer.first > 0) return []
      const extra = await extraIn(root, offer)
      extras.set(transfer, extra)
      return describe(extra, backup)
    },
    async attend(transfer) {
      const result = await transfer.finished.catch(() => undefined)
      const extra = extras.get(transfer)
      if (!result || !extra) return
      for (const path of wantedPaths(
        result.files.flatMap(({ path, name }) => (name ? [path, name] : [path])),
      ))
        extra.files.delete(path)
      const to = backup && below(backup, `${timeInName()}-${transfer.id.slice(0, 4)}`)
      const removed = await remove(root, extra, to, durability)
      for (const path of removed)
        reporter.event({ event: 'removed', id: transfer.id, path, ...(to && { backup: below(to, path) }) })
      if (removed.length > 0)
        reporter.note(
          `${counted(removed.length, 'file')} removed${to ? `; moved into ${printable(to)}/` : ''}`,
        )
    },
  }
}

/** The folder of `--backup-dir` as a path below the one that is received into. */
function backupIn(root: string, backupDir: string): string {
  const path = relative(
    root,
    localPath('--backup-dir', isAbsolute(backupDir) ? backupDir : inside(root, backupDir)),
  )
  const isInside = path !== '' && path.split(sep)[0] !== '..' && !isAbsolute(path)
  if (!isInside) throw new SluiceError('ERR_USAGE', '--backup-dir must be a folder in --dir, as old')
  const backup = path.split(sep).join('/')
  checkNotReserved(backup)
  return backup
}

function topFolders({ entries }: Offer): string[] {
  return entries.flatMap(({ type, path }) => (type === 'directory' && !path.includes('/') ? [path] : []))
}

/** Whether anything of an offer, of whatever type, would stand beside a path, above it or in its place. */
function reaches({ entries }: Offer, path: string): boolean {
  const top = formOf(topOf(path))
  // there may be a million of them, below few names
  const tops = new Set(entries.map((entry) => topOf(entry.path)))
  return wantedPaths([...tops]).some((name) => formOf(name) === top)
}

function topOf(path: string): string {
  return path.split('/', 1)[0]!
}

function formOf(path: string): string {
  return path.split('/').map(simplestForm).join('/')
}

/** Paths, with what they are called on disk where their names are such as ours. */
function wantedPaths(paths: readonly string[]): string[] {
  return paths.flatMap((path) => [path, path.split('/').map(storedName).join('/')])
}

/** All in the offered folders that the offer does not have. */
async function extraIn(root: string, offer: Offer): Promise<Extra> {
  const wanted = new Set(wantedPaths(offer.entries.map(({ path }) => path)).map(formOf))
  const extra: Extra = { files: new Map(), folders: [] }
  const walk = async (path: string): Promise<void> => {
    const names = await fs.readdir(inside(root, path)).catch((error: unknown) => {
      throw diskError(error, 'list', inside(root, path))
    })
    for (const bytes of names) {
      const name = bytes.toString()
      // parts may be those of others that run, or were interrupted
      if (!isUtf8(bytes) || isOwnName(name) || /\.part$/i.test(simplestForm(name))) continue
      const found = below(path, name)
      const stats = await lstatIfThere(fs, inside(root, found))
      const isWanted = wanted.has(formOf(found))
      if (stats?.isFile() && !isWanted) extra.files.set(found, stats)
      if (!stats?.isDirectory()) continue
      if (!isWanted) extra.folders.push(found)
      await walk(found)
    }
  }
  for (const top of topFolders(offer))
    if ((await lstatIfThere(fs, inside(root, top)))?.isDirectory()) await walk(top)
  return extra
}

/** For people, before they are asked. */
function describe({ files }: Extra, backup: string | undefined): string[] {
  if (files.size === 0) return []
  const goes = backup === undefined ? 'removed' : `moved into ${printable(backup)}/`
  const shown = [...files.keys()].slice(0, MOST_SHOWN).map((path) => `  ${printable(path)}`)
  const more = files.size > MOST_SHOWN ? [`  … and ${files.size - MOST_SHOWN} more`] : []
  return [
    `then ${counted(files.size, 'file')} that the sender does not have will be ${goes}:`,
    ...shown,
    ...more,
  ]
}

/** Removes what is still as it was shown; returns the files. Folders go that are empty then. */
async function remove(
  root: string,
  { files, folders }: Extra,
  to: string | undefined,
  durability: Durability,
): Promise<string[]> {
  const removed: string[] = []
  if (files.size > 0) {
    const transaction = await FileTransaction.begin(root, { fs, durability, replaceReadOnly: true })
    try {
      for (const [path, before] of files) {
        const stats = await lstatIfThere(fs, inside(root, path))
        if (!stats?.isFile() || !sameInode(stats, before) || !sameContent(before, stats)) continue
        await (to === undefined ? transaction.delete(path) : transaction.move(path, below(to, path)))
        removed.push(path)
      }
      await transaction.commit()
    } finally {
      await transaction.rollback().catch(() => {})
    }
  }
  // one that is not empty has something in it that stays
  for (const folder of [...folders].reverse()) await fs.rmdir(inside(root, folder)).catch(() => {})
  return removed
}
