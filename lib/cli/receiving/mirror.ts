import { isAbsolute, relative, sep } from 'node:path'
import { counted, printable, SluiceError } from '../../errors.js'
import { below, inside, localPath } from '../../files/disk/names.js'
import { checkNotReserved } from '../../files/own/reserved.js'
import type { Conflict, Durability } from '../../files/publish/publish.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Offer } from '../../wire/entry.js'
import { timeInName } from '../sending/time-in-name.js'
import type { Reporter } from '../ui/reporter.js'
import type { Companion } from './companions.js'
import { type Extra, extraIn, formOf, removeExtra, wantedPaths } from './extra.js'

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
      const removed = await removeExtra(root, extra, to, durability)
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
