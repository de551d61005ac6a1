import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { coalesce, deferred } from '../../async.js'
import { errorCode, SystemError } from './disk-error.js'
import type { FileStats, FileSystem } from './fs.js'
import { storedList } from './native/stored-list.js'
import { permission } from './restricted.js'
import { retryOpen } from './retry.js'

/** A file whose list somebody waits for. */
interface Asked {
  path: string
  answer: ReturnType<typeof deferred<string | undefined>>
}

/** So many files one process is asked about at most. */
const MOST_ASKED = 100

/** Milliseconds after which the next process is started although one is still at it: a disk may hang. */
const LONGEST_WAIT = 1000

/** Whether `getfacl` can be started at all. */
let isThere = true
let waiting: Asked[] = []

/**
 * The access list of a file or folder, as {@link FileSystem.accessList} gives it. Node has no call for it. What an
 * optional package cannot tell either is asked of a command, but not where Node's permission model would be gone round.
 */
export async function accessList(file: string | number): Promise<string | undefined> {
  const stored = permission ? undefined : await storedList(file)
  return stored === undefined ? askCommand(file) : (stored ?? undefined)
}

/**
 * Where the command is not installed, hardly anybody has made a list. A process takes longer than a small write: so all
 * files that are asked about while one runs share the next one.
 */
async function askCommand(file: string | number): Promise<string | undefined> {
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
  for (let at = 0; at < all.length; at += MOST_ASKED) {
    const enough = new AbortController()
    const others = wait(LONGEST_WAIT, undefined, { signal: enough.signal, ref: false }).catch(() => {})
    await Promise.race([answerAll(all.slice(at, at + MOST_ASKED)), others])
    enough.abort()
  }
})

async function answerAll(asked: Asked[]): Promise<void> {
  try {
    const lists = await listsOf(asked.map(({ path }) => path))
    // one of them is gone, or may not be looked at, and has no answer: which one it is, is found by halves
    if (isThere && lists.length < asked.length && asked.length > 1) {
      const half = asked.length >> 1
      for (const some of [asked.slice(0, half), asked.slice(half)]) await answerAll(some)
    } else for (const [i, { answer }] of asked.entries()) answer.resolve(lists[i])
  } catch (error) {
    for (const { answer } of asked) answer.reject(error)
  }
}

/** The lists of these files, in their order; fewer where one cannot be told. Fails where no process can be started. */
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

/** The command is not there, or may not be started. */
const NOT_THERE = new Set(['ENOENT', 'EACCES', 'ERR_ACCESS_DENIED'])

/** What it said before it failed, as it does where it has no answer for one of the files. Else nobody has looked. */
function answerOfFailed(error: unknown): { stdout: string } {
  const { code, signal, stdout } = error as { code?: unknown; signal?: unknown; stdout?: string }
  if (typeof code === 'number') return { stdout: stdout ?? '' }
  if (signal) throw new SystemError('EAGAIN', 'getfacl', `getfacl was ended by ${signal}`)
  if (!NOT_THERE.has(errorCode(error) ?? '')) throw error
  isThere = false
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
 * The list that a new file has from its folder. Asked for only where it makes a difference: where there was no list,
 * and the group had no more than all others, {@link keptMode} is the same with any list.
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
 * The mode of a file that takes the place of another one, without its access list: nobody may do more than before. A
 * user of the lost list is from now on one of the group, or of all others: both get no more than that user had. So 0664
 * with a list that gives Bob only `r--` becomes 0644. Where the file gets a new list, or another group, its members
 * were anything before, as a rule all others: they get no more than these had. So 0640 in another group becomes 0600.
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
