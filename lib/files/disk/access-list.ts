import { promisify } from 'node:util'
import type { FileStats, FileSystem } from './fs.js'

/** Node has no call for access lists. Where the command is not installed, hardly anybody has made one. */
export async function accessList(file: string | number): Promise<string | undefined> {
  // the command has other handles than we
  const ours = `/proc/${process.pid}/`
  const path = typeof file === 'number' ? `${ours}fd/${file}` : file.replace(/^\/proc\/self\//, ours)
  const { execFile } = await import('node:child_process')
  // `async`: where the permission model allows no other process, it throws at once
  const ask = async () => promisify(execFile)('getfacl', ['-cpnE', '--', path])
  const { stdout } = await ask().catch(() => ({ stdout: '' }))
  const lines = stdout.split('\n').filter((line) => line !== '')
  if (!lines.some((line) => line.startsWith('mask:'))) return undefined
  return lines.filter((line) => !/^(user::|other:|mask:)/.test(line)).join(' ')
}

/** Whether the group of a mode may do what others may not. */
export function groupHasMore(mode: number): boolean {
  return ((mode >> 3) & ~mode & 7) !== 0
}

/** The stats with the access list of the file, where it makes a difference to one that takes its place. */
export async function withAccessList(
  fs: FileSystem,
  file: string | number,
  stats: FileStats,
): Promise<FileStats> {
  if (fs.accessList && stats.isFile() && groupHasMore(stats.mode))
    stats.accessList = await fs.accessList(file)
  return stats
}

/** The permission bits of a file without its list, for another one that has none: see {@link withAccessList}. */
export function plainMode({ mode, accessList }: FileStats): number {
  return withoutList(mode & 0o777, accessList, undefined)
}

/**
 * The mode of a file that has another access list than the one whose place it takes. Its group gets what the old list
 * gave it; whoever is in a new list, which it has from its folder, gets no more than all others have.
 */
export function withoutList(mode: number, before: string | undefined, now: string | undefined): number {
  const others = mode & 7
  const [, r, w, x] = /^group::(r|-)(w|-)(x|-)/m.exec(before?.replaceAll(' ', '\n') ?? '') ?? []
  const given = before === undefined ? 7 : (r === 'r' ? 4 : 0) | (w === 'w' ? 2 : 0) | (x === 'x' ? 1 : 0)
  const group = now === undefined ? (mode >> 3) & given & 7 : others
  return (mode & 0o707) | (group << 3)
}
