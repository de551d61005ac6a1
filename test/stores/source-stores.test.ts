import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import test from 'ava'
import { OPEN } from '../../lib/files/disk/fs.js'
import { manifestOfEntries } from '../../lib/stages/manifest/manifest-from.js'
import { manifestOf } from '../../lib/stages/manifest/manifest-of.js'
import { memorySources } from '../../lib/stores/memory-sources.js'
import type { SourceStore } from '../../lib/stores/sources.js'
import {
  MemoryDisk,
  piecesOf,
  randomContent,
  type SourceSample,
  sourceStoreConformance,
} from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'
import { plant } from '../helpers/folders.js'

// The stores of sources that there are, against the suite that is there for those of users, too.

const CONTENTS = new Map<string, Buffer>([
  ['p/empty', Buffer.alloc(0)],
  ['p/large', randomContent(700_000)],
  ['p/small', randomContent(1500, 2)],
  ['p/tiny', Buffer.from('x')],
])

const NAME = { name: 'a sample' }

conforms(
  'the store in memory',
  sourceStoreConformance(() => {
    const contents = new Map<string, Buffer | null>([['p', null], ...CONTENTS])
    const sources = memorySources(contents)
    return {
      manifest: manifestOfEntries(sources.entries, sources, NAME),
      contents: CONTENTS,
      change: (path) => void contents.set(path, Buffer.from(contents.get(path)!.map((byte) => byte ^ 1))),
      remove: (path) => void contents.delete(path),
    }
  }),
)

const disks: MemoryDisk[] = []
for (const sync of [false, true]) {
  conforms(
    `the store of a disk, ${sync ? 'with' : 'without'} synchronous calls`,
    sourceStoreConformance(
      async (): Promise<SourceSample> => {
        let now = 1000
        const fs = new MemoryDisk({ sync, now: () => now })
        disks.push(fs)
        for (const [path, bytes] of CONTENTS) fs.put(`/${path}`, bytes)
        return {
          manifest: await manifestOf(['/p'], { fs }),
          contents: CONTENTS,
          async change(path) {
            now++
            const fd = await fs.open(`/${path}`, OPEN.update)
            await fs.write(fd, [Buffer.from('changed')], 3)
            await fs.close(fd)
          },
          remove: (path) => fs.remove(`/${path}`),
        }
      },
      { open: () => disks.reduce((sum, fs) => sum + fs.openHandles().length, 0) },
    ),
  )
}

const root = mkdtempSync(join(tmpdir(), 'sluice-test-'))
test.before(() => plant(root, Object.fromEntries(CONTENTS)))
test.after.always(() => rmSync(root, { recursive: true }))

conforms(
  'the store of this disk',
  sourceStoreConformance(async () => ({ manifest: await manifestOf([`${root}/p`]), contents: CONTENTS })),
)

conforms(
  'a store of streams',
  sourceStoreConformance(() => {
    const begun: Readable[] = []
    const store: SourceStore = {
      rereadable: () => false,
      stream({ path }) {
        const stream = Readable.from(piecesOf(CONTENTS.get(path)!, 1000))
        begun.push(stream)
        return stream
      },
      close() {
        for (const stream of begun) stream.destroy()
      },
    }
    const entries = Array.from(CONTENTS, ([path, { length }]) => ({ path, size: length }))
    return { manifest: manifestOfEntries(entries, store, NAME), contents: CONTENTS }
  }),
)
