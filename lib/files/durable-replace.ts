import { writeFileAtomic } from './atomic/write-file.js'
import { UNRECORDED } from './audit/audited.js'
import type { FileSystem } from './fs.js'
import type { Durability } from './publish.js'

export interface DurableReplaceOptions {
  /** Permission bits of the new file. Default 0o600: for our own files. */
  mode?: number
  /** Default 'power'. */
  durability?: Durability
}

/**
 * Writes a small file so that after a crash the old content stands or the new one, never a mixture (CRASH-SAFETY.md,
 * "Durable replace"): `writeFileAtomic` with what our own files need. A link at `path` is replaced, not followed. When it resolves, the content is there, with
 * 'power' after a power loss too. Fails with `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_WRITE`; then
 * the old content stands, unless only the last sync failed.
 */
export async function durableReplace(
  fs: FileSystem,
  path: string,
  data: string | Uint8Array,
  { mode = 0o600, durability = 'power' }: DurableReplaceOptions = {},
): Promise<void> {
  await writeFileAtomic(path, data, {
    fs,
    mode,
    durability,
    symlink: 'replace',
    owner: 'ignore',
    audit: UNRECORDED,
  })
}
