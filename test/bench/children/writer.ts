// Writes many files at once, each atomically, in a process of its own.
import { mkdirSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as sluiceFiles from '../../../lib/files/index.js'
import { done, job, readyAndTold } from './talk.js'

export interface WriterJob {
  writer: WriterKind
  durability: 'power' | 'crash'
  folder: string
  count: number
  bytes: number
  /** The folder of what the package exports. */
  library: string
}

export type WriterKind =
  | 'sluice'
  | 'sluice with digest'
  | 'write-file-atomic'
  | 'write-file-atomic, folder synced'

type Write = (path: string, data: Buffer) => Promise<unknown>

const { writer, durability, folder, count, bytes, library } = job<WriterJob>()

const writers: Record<WriterKind, () => Promise<Write>> = {
  // the other one gives no digest: without it the guarantees are the same, and more
  sluice: () => ours({ digest: false }),
  'sluice with digest': () => ours({}),
  'write-file-atomic': theirs,
  // what it would need to promise what 'power' does
  'write-file-atomic, folder synced': async () => {
    const write = await theirs()
    return async (path, data) => {
      await write(path, data)
      await syncFolder(dirname(path))
    }
  },
}

async function ours(options: { digest?: false }): Promise<Write> {
  const path = pathToFileURL(join(library, 'files', 'index.js')).href
  const { writeFileAtomic }: typeof sluiceFiles = await import(path)
  return (path, data) => writeFileAtomic(path, data, { durability, ...options })
}

async function theirs(): Promise<Write> {
  const { default: write } = await import('write-file-atomic')
  return (path, data) => write(path, data, { fsync: durability === 'power' })
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  await folder.sync().finally(() => folder.close())
}

const write = await writers[writer]()
const data = Buffer.alloc(bytes, 'sluice')
const paths = Array.from({ length: count }, (_, i) => join(folder, `${i}`))
const writeAll = () => Promise.all(paths.map((path) => write(path, data)))

mkdirSync(folder, { recursive: true })
// the first time makes the files, and warms up; what is measured replaces them
await writeAll()
await readyAndTold()
await writeAll()
await done()
for (const path of paths) if (statSync(path).size !== bytes) throw new Error(`${path} was not written whole`)
