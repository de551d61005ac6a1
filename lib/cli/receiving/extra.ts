import { isUtf8 } from 'node:buffer'
import { diskError } from '../../files/disk/disk-error.js'
import type { FileStats } from '../../files/disk/fs.js'
import { below, inside } from '../../files/disk/names.js'
import { commandFileSystem as fs } from '../../files/disk/node-fs.js'
import { lstatIfThere, sameContent, sameInode } from '../../files/disk/stats.js'
import { isOwnName, simplestForm, storedName } from '../../files/own/reserved.js'
import type { Durability } from '../../files/publish/publish.js'
import { FileTransaction } from '../../files/transaction/file-transaction.js'
import type { Offer } from '../../wire/entry.js'

/** What stands in a folder that is offered, and is not in the offer. */
export interface Extra {
  files: Map<string, FileStats>
  /** Those above come first. They go with the last file that is in them. */
  folders: string[]
}

/** All in the offered folders that the offer does not have. */
export async function extraIn(root: string, offer: Offer): Promise<Extra> {
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

function topFolders({ entries }: Offer): string[] {
  return entries.flatMap(({ type, path }) => (type === 'directory' && !path.includes('/') ? [path] : []))
}

/** Paths that can be one name on some disk have one form. */
export function formOf(path: string): string {
  return path.split('/').map(simplestForm).join('/')
}

/** Paths, with what they are called on disk where their names are such as ours. */
export function wantedPaths(paths: readonly string[]): string[] {
  return paths.flatMap((path) => [path, path.split('/').map(storedName).join('/')])
}

/** All folders that a path is in. */
function foldersAbove(path: string): string[] {
  const names = path.split('/').slice(0, -1)
  return names.map((_name, at) => names.slice(0, at + 1).join('/'))
}

/** Removes what is still as it was shown; returns the files. Folders go that are empty by that, and no others. */
export async function removeExtra(
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
  const emptied = new Set(removed.flatMap(foldersAbove))
  // one that is not empty has something in it that stays
  for (const folder of [...folders].reverse())
    if (emptied.has(folder)) await fs.rmdir(inside(root, folder)).catch(() => {})
  return removed
}
