import { promisify } from 'node:util'
import { coalesce, deferred } from '../../async.js'
import { errorCode } from './disk-error.js'
import type { FileStats, FileSystem } from './fs.js'
import { retryOpen } from './retry.js'

/** A file whose list somebody waits for. */
interface Asked {
  path: string
  answer: ReturnType<typeof deferred<string | undefined>>
}

/** So many files one process is asked about at most. */
const MOST_ASKED = 100

/** Whether `getfacl` can be started at all. */
let isThere = true
let waiting: Asked[] = []

/**
 * Node has no call for access lists. Where the command is not installed, hardly anybody has made one. A process takes
 * longer than a small write: so all files that are asked about while one runs share the next one.
 */
export async function accessList(file: string | number): Promise<string | undefined> {
  if (!isThere) return undefined
  // the command has other handles than we
  const ours = `/proc/${process.pid}/`
  const path = typeof file === 'number' ? `${ours}fd/${file}` : file.replace(/^\/proc\/self\//, ours)
  const answer = deferred<string | undefined>()
  waiting.push({ path, answer })
  askForAll()
  return answer.promise
}

const askForAll = coalesce(async () => {
  const all = waiting
  waiting = []
  for (let at = 0; at < all.length; at += MOST_ASKED) await answerAll(all.slice(at, at + MOST_ASKED))
})

async function answerAll(asked: Asked[]): Promise<void> {
  try {
    const lists = await listsOf(asked.map(({ path }) => path))
    // one of them is gone, or may not be looked at, and has no answer: then each is asked about alone
    if (isThere && lists.length < asked.length && asked.length > 1)
      for (const one of asked) await answerAll([one])
    else for (const [i, { answer }] of asked.entries()) answer.resolve(lists[i])
  } catch (error) {
    for (const { answer } of asked) answer.reject(error)
  }
}

/** The lists of these files, in their order; fewer where one cannot be told. Fails where no handle is left for long. */
async function listsOf(paths: string[]): Promise<(string | undefined)[]> {
  const { execFile } = await import('node:child_process')
  const options = { cwd: '/', maxBuffer: Number.POSITIVE_INFINITY }
  // `async`: where the permission model allows no other process, it throws at once
  const ask = async () => promisify(execFile)('getfacl', ['-acpnE', '--', ...paths], options)
  const { stdout } = await retryOpen(() => ask().catch(answerOfFailed))
  const blocks = stdout.split('\n\n').filter((block) => block !== '')
  return blocks.map((block) => {
    const lines = block.split('\n')
    if (!lines.some((line) => line.startsWith('mask:'))) return undefined
    return lines.filter((line) => !/^(user::|other:|mask:)/.test(line)).join(' ')
  })
}

/** Without a handle nobody has looked: it is tried again. Whatever else fails, it says nothing. */
function answerOfFailed(error: unknown): { stdout: string } {
  const code = errorCode(error) ?? ''
  if (code === 'EMFILE' || code === 'ENFILE') throw error
  if (code === 'ENOENT' || code === 'ERR_ACCESS_DENIED') isThere = false
  return { stdout: '' }
}

/** Whether the group of a mode may do what others may not. */
function groupHasMore(mode: number): boolean {
  return ((mode >> 3) & ~mode & 7) !== 0
}

/** The stats with the access list of the file or folder. Where nobody but its owner has any rights, none gives any. */
export async function withAccessList(
  fs: FileSystem,
  file: string | number,
  stats: FileStats,
): Promise<FileStats> {
  if (fs.accessList && (stats.mode & 0o077) !== 0) stats.accessList = await fs.accessList(file)
  return stats
}

/** What decides who may do what with a file or folder. */
export type Permissions = Pick<FileStats, 'mode' | 'accessList'>

/**
 * The list that a new file has from its folder. Asked for only where it makes a difference: where there was no list, and
 * the group had no more than all others, {@link keptMode} is the same with any list.
 * @param before of the file whose place it takes
 */
export async function newAccessList(
  fs: FileSystem,
  fd: number,
  before: Permissions,
): Promise<string | undefined> {
  const isDecisive = before.accessList !== undefined || groupHasMore(before.mode)
  return isDecisive ? fs.accessList?.(fd) : undefined
}

/**
 * The mode of a file that takes the place of another one, without its access list: nobody may do more than before.
 * Whoever was in the lost list is one of the group or of all others from now on: these get no more than that one had. Whoever is in a
 * new list, or in another group, may have been anybody: they get no more than all of these.
 * @param now the list that the new file has from its folder
 * @param isOtherGroup the group of the old one could not be kept
 */
export function keptMode(
  { mode, accessList: before }: Permissions,
  now: string | undefined,
  isOtherGroup = false,
): number {
  if (now === before && !isOtherGroup) return mode
  // of a file with a list these bits are the most that anybody in it may have
  const most = (mode >> 3) & 7
  let group = most
  let others = mode & 7
  for (const [, kind, name, rights = ''] of (before ?? '').matchAll(/(user|group):(\d*):([rwx-]{3})/g)) {
    const had = most & bitsOf(rights)
    if (kind === 'user' || name === '') group &= had
    if (name !== '') others &= had
  }
  if (now !== undefined || isOtherGroup) group &= others
  // who was in the old group is one of the others now
  if (isOtherGroup) others &= group
  return (mode & ~0o077) | (group << 3) | others
}

/** The three bits of a text such as `r-x`. */
function bitsOf(rights: string): number {
  return [...rights].reduce((bits, letter) => 2 * bits + (letter === '-' ? 0 : 1), 0)
}
