import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { SluiceError } from '../../errors.js'
import { diskError } from '../../files/disk/disk-error.js'
import { below, inside } from '../../files/disk/names.js'
import { isOwnName } from '../../files/own/reserved.js'
import type { Context } from '../ui/context.js'
import { type Choice, Choices, outermost } from '../ui/input/choices.js'
import { choose } from '../ui/input/choose.js'

/** Files and folders that can be found; what is at the top comes first, and is there in any case. */
const MOST = 20_000

/**
 * Has people choose what is sent, of what is in a folder and in those below; hidden folders can be chosen, but not
 * searched. Links cannot be chosen: what they lead to would be sent, which nobody sees here. Gives paths in that
 * folder. Throws `ERR_CANCELLED` if they do not, `ERR_USAGE` if there is nothing.
 */
export async function chooseFiles(folder: string, context: Context): Promise<string[]> {
  const { signal } = context
  const all = await filesBelow(folder, signal)
  if (all.length === 0)
    throw new SluiceError('ERR_USAGE', 'there is nothing to choose from in this folder; name what to send')
  const asked = { question: 'What to send?', enter: 'sends', choices: new Choices(all) }
  const chosen = await choose(context, asked, signal)
  signal.throwIfAborted()
  // a file of that name, and not standard input
  if (chosen) return outermost(chosen).map((path) => (path === '-' ? './-' : path))
  throw new SluiceError('ERR_CANCELLED', 'nothing was chosen, and nothing is sent', { found: 'here' })
}

/** By the level; names that are not text cannot be given back, and are left out. */
async function filesBelow(folder: string, signal: AbortSignal): Promise<Choice[]> {
  const all: Choice[] = []
  const folders = ['']
  for (const path of folders) {
    signal.throwIfAborted()
    const entries = await readdir(inside(folder, path), { withFileTypes: true }).catch((error: unknown) => {
      // one below may be somebody else's; whoever chooses it is told
      if (path === '') throw diskError(error, 'list', folder)
      return []
    })
    for (const entry of entries.sort(byName)) {
      const { name } = entry
      const type = typeOf(entry)
      if (type === undefined || isOwnName(name) || name.includes('\ufffd')) continue
      all.push({ path: below(path, name), type })
      if (type === 'directory' && !isHidden(name)) folders.push(below(path, name))
    }
    if (all.length >= MOST) break
  }
  return all
}

function typeOf(entry: Dirent): Choice['type'] | undefined {
  if (entry.isDirectory()) return 'directory'
  return entry.isFile() ? 'file' : undefined
}

/** Hidden ones are seldom meant. */
function byName({ name: one }: Dirent, { name: other }: Dirent): number {
  return Number(isHidden(one)) - Number(isHidden(other)) || (one < other ? -1 : 1)
}

function isHidden(name: string): boolean {
  return name.startsWith('.')
}
