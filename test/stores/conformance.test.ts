import { lstat, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeFileSystem } from '../../lib/files/disk/node-fs.js'
import { memoryParts } from '../../lib/index.js'
import { diskParts } from '../../lib/stores/disk/disk-store.js'
import type { PartStore } from '../../lib/stores/parts.js'
import type { Durability, Publishing } from '../../lib/stores/policy.js'
import { togetherParts } from '../../lib/stores/together/together-store.js'
import { type PlacedContent, partStoreConformance } from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'

const dirs: string[] = []

async function onDisk(durability: Durability, parts = diskParts) {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-'))
  dirs.push(dir)
  return {
    open: () => parts({ dir, durability, fs: nodeFileSystem, handles: 16 }),
    modeOf: async (path: string) => (await lstat(join(dir, path))).mode & 0o777,
    read: async () => {
      const seen = new Map<string, PlacedContent>()
      for (const path of await readdir(dir, { recursive: true })) {
        const full = join(dir, path)
        const stats = await lstat(full)
        if (stats.isDirectory()) seen.set(path, null)
        else if (stats.isSymbolicLink()) seen.set(path, { target: await readlink(full) })
        else seen.set(path, await readFile(full))
      }
      return seen
    },
  }
}

const after = async () => {
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true, force: true })
}

for (const durability of ['crash', 'power'] as const)
  conforms(
    `disk, ${durability}`,
    partStoreConformance(() => onDisk(durability), { after, patience: 60_000 }),
  )

conforms(
  'disk, together',
  partStoreConformance(() => onDisk('power', togetherParts), { after, patience: 60_000 }),
)

function inMemory(narrow: (store: PartStore) => PartStore = (store) => store, publish?: Publishing) {
  const store = memoryParts({ publish })
  return {
    open: () => narrow(store),
    modeOf: (path: string) => store.folders.get(path)!.mode,
    read: () => {
      const seen = new Map<string, PlacedContent>()
      for (const [path, { bytes }] of store.files) seen.set(path, bytes)
      for (const path of store.folders.keys()) seen.set(path, null)
      for (const [path, target] of store.links) seen.set(path, { target })
      return seen
    },
  }
}

conforms(
  'memory, together',
  partStoreConformance(() => inMemory(undefined, 'together')),
)

conforms(
  'memory',
  partStoreConformance(() => inMemory()),
)

conforms(
  'the least that a store can be',
  partStoreConformance(() =>
    inMemory((store) => ({
      features: { order: 'ascending', conflicts: ['overwrite', 'fail'] },
      async begin(entry) {
        const part = await store.begin(entry)
        return {
          write: (offset, buffers) => part.write(offset, buffers, false),
          publish: (policy) => part.publish(policy),
          discard: (failure) => part.discard(failure),
        }
      },
    })),
  ),
)
