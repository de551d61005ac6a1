import type { ExecutionContext } from 'ava'
import { type Code, isSluiceError, type ManifestOptions, manifestOf } from '../../lib/index.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'

/** A disk with these files; `null` is a folder. */
export function disk(files: Record<string, string | null>, options = {}): MemoryDisk {
  const fs = new MemoryDisk(options)
  for (const [path, content] of Object.entries(files)) {
    if (content === null) fs.putFolder(path)
    else fs.put(path, content)
  }
  return fs
}

export async function pathsOf(
  fs: MemoryDisk,
  paths: string[],
  options: ManifestOptions = {},
): Promise<string[]> {
  const { offer } = await manifestOf(paths, { fs, ...options })
  allClosed(fs)
  return offer.entries.map(({ path, type }) => (type === 'directory' ? `${path}/` : path))
}

export function allClosed(fs: MemoryDisk): void {
  const open = fs.openHandles()
  if (open.length > 0) throw new Error(`left open: ${open.join(', ')}`)
}

/** That it fails with this code, and says so. */
export async function refused(t: ExecutionContext, code: Code, made: Promise<unknown>, message?: RegExp) {
  const error = await t.throwsAsync(made)
  t.true(isSluiceError(error, code), String(error))
  if (message) t.regex(error!.message, message)
}
