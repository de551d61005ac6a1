// Each property of the suite, and a store that lacks just that: the suite must say so.
import { Readable } from 'node:stream'
import { manifestOfEntries } from '../../../lib/stages/manifest/manifest-from.js'
import { memorySources } from '../../../lib/stores/memory-sources.js'
import { type OpenSource, type SourceStore, sourceChanged } from '../../../lib/stores/sources.js'
import { randomContent, type SourceSample, sourceStoreConformance } from '../../../lib/testing/index.js'
import type { Entry } from '../../../lib/wire/entry.js'
import { patience, refuted } from '../../helpers/refuted.js'

const CONTENTS = new Map<string, Buffer>([
  ['empty', Buffer.alloc(0)],
  ['large', randomContent(5000)],
  ['small', randomContent(1500, 2)],
])
const largest = CONTENTS.get('large')!

/** A store that is right but for what `broken` replaces. */
function cases(broken: (right: SourceStore, contents: Map<string, Buffer>) => Partial<SourceStore>) {
  return () =>
    sourceStoreConformance(
      (): SourceSample => {
        const contents = new Map(CONTENTS)
        const right = memorySources(contents)
        const store: SourceStore = { ...right, ...broken(right, contents) }
        return {
          manifest: manifestOfEntries(right.entries, store, { name: 'x' }),
          contents: CONTENTS,
          change: (path) => void contents.set(path, Buffer.alloc(contents.get(path)!.length, 1)),
          remove: (path) => void contents.delete(path),
        }
      },
      { patience },
    )
}

const ofBytes = (bytes: Buffer, size = bytes.length): OpenSource => ({
  async read(offset, buffer) {
    if (offset + buffer.length > size) throw sourceChanged('x', { expected: size, found: 0 })
    bytes.copy(buffer, 0, offset)
  },
  async verify() {},
  async close() {},
})
const bytesOf = ({ path }: Entry) => CONTENTS.get(path)!

refuted(
  'a store whose file is one thing and then the other',
  cases(() => {
    let calls = 0
    return { rereadable: () => calls++ % 2 === 0, stream: () => Readable.from([]) }
  }),
  'is a stream',
  /changes/,
)
refuted(
  'a store without what its files need',
  cases(() => ({ rereadable: () => false, stream: undefined! })),
  'is a stream',
  /stream\(\)/,
)
refuted(
  'a store that gives other bytes',
  cases(() => ({ open: async (entry) => ofBytes(Buffer.alloc(entry.size!, 7)) })),
  'has its bytes',
  /large/,
)
refuted(
  'a store that knows only the beginning of a file as its first',
  cases(() => ({
    async open(entry) {
      let next = 0
      const right = ofBytes(bytesOf(entry))
      return {
        ...right,
        async read(offset, buffer) {
          await right.read(next, buffer)
          next += buffer.length + offset * 0
        },
      }
    },
  })),
  'from any offset',
  /large from/,
)
refuted(
  'a store that writes beyond the buffer',
  cases(() => ({
    open: async (entry) => ({
      ...ofBytes(bytesOf(entry)),
      async read(offset, buffer) {
        bytesOf(entry).copy(Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length + 1), 0, offset)
      },
    }),
  })),
  'from any offset',
  /beyond the buffer/,
)
refuted(
  'a store that fills a file up',
  cases(() => ({ open: async (entry) => ofBytes(bytesOf(entry), Number.POSITIVE_INFINITY) })),
  'beyond the end',
  /not refused/,
)
refuted(
  'a store whose runs are in another order',
  cases(() => ({
    async readRun(entries, buffer) {
      Buffer.concat([...entries].sort((a, b) => a.index - b.index).map(bytesOf)).copy(buffer)
      return new Map()
    },
  })),
  'readRun reads',
  /a run of files/,
)
refuted(
  'a store that has everything',
  cases(() => ({ open: async () => ofBytes(largest) })),
  'does not have',
  /not refused/,
)
refuted(
  'a store that does not know its files again',
  cases((_right, contents) => ({ open: async ({ path }) => ofBytes(contents.get(path)!) })),
  'since it was listed',
  /not refused/,
)
refuted(
  'a store whose runs take what was changed',
  cases(() => ({
    async readRun(entries, buffer) {
      Buffer.concat(entries.map(bytesOf)).copy(buffer)
      return new Map()
    },
  })),
  'since it was listed',
  /only that/,
)
refuted(
  'a store that looks once, when a file is opened',
  cases((right, contents) => ({
    async open(entry, signal) {
      await right.open!(entry, signal)
      return { ...ofBytes(contents.get(entry.path)!) }
    },
  })),
  'while it is open',
  /not refused/,
)
refuted(
  'a store that fails with an error of its own where a file is gone',
  cases((right, contents) => ({
    async open(entry, signal) {
      if (!contents.has(entry.path)) throw new Error('nothing here')
      return right.open!(entry, signal)
    },
  })),
  'was removed',
  /ERR_SOURCE_CHANGED/,
)
refuted(
  'a store whose files fail in a transfer',
  cases((right) => ({
    readRun: async (entries) => new Map([[entries[0]!.index, new Error('none of them')]]),
    open: right.open!,
  })),
  'whole transfer',
  /none of them/,
)
refuted(
  'a store that can be closed only once',
  cases(() => {
    let isClosed = false
    return {
      close() {
        if (isClosed) throw new Error('closed already')
        isClosed = true
      },
    }
  }),
  'closed twice',
  /closed already/,
)
refuted(
  'a store that leaves a stream open',
  cases(() => ({ rereadable: () => false, stream: () => new Readable({ read() {} }), close() {} })),
  'closed twice',
  /not within/,
)
