// Each property of the suite, and a store that lacks just that: the suite must say so.

import test from 'ava'
import {
  type Claim,
  type Entry,
  type MemoryParts,
  memoryParts,
  type Part,
  type PartStore,
} from '../../../lib/index.js'
import { type PlacedContent, partStoreConformance } from '../../../lib/testing/index.js'
import { patience, refuted } from '../../helpers/refuted.js'

/** The suite for a store in memory with other parts, or another store. */
function stores(
  part: (part: Part, memory: MemoryParts, path: string) => Partial<Part>,
  more: Partial<PartStore> = {},
) {
  return () =>
    partStoreConformance(
      () => {
        const memory = memoryParts()
        const store: PartStore = {
          expect: () => memory.expect?.(undefined!, 0),
          makeFolder: (entry) => memory.makeFolder!(entry),
          async begin(entry) {
            const whole = await memory.begin(entry)
            return {
              write: (...args) => whole.write(...args),
              publish: (policy) => whole.publish(policy),
              discard: (failure) => whole.discard(failure),
              ...part(whole, memory, entry.path),
            }
          },
          makeLink: (entry, policy) => memory.makeLink!(entry, policy),
          ...more,
        }
        return {
          open: () => store,
          read: () =>
            new Map<string, PlacedContent>([
              ...[...memory.folders.keys()].map((path) => [path, null] as const),
              ...[...memory.files].map(([path, { bytes }]) => [path, bytes] as const),
            ]),
        }
      },
      { patience },
    )
}

/** Puts something under the path before it is verified. */
const shown = (memory: MemoryParts, path: string) =>
  memory.files.set(path, { bytes: Buffer.from('?'), mode: 0o644, mtime: 0 })

refuted(
  'a store that loses what it is given',
  stores(() => ({ write: () => {} })),
  'with their content',
  /a\.txt has 0 bytes, not the 5/,
)
refuted(
  'a store that writes where it wrote before',
  stores((part) => ({ write: (_offset, buffers, ends) => part.write(0, buffers, ends) })),
  'a large file',
  /large has/,
)
refuted(
  'a store without empty files',
  stores((_part, _memory, path) => (path === 'empty' ? { publish: () => {} } : {})),
  'an empty file',
  /nothing under empty/,
)
refuted(
  'a store that takes files to be folders of objects',
  stores((_part, _memory, path) => (path === '__proto__' ? { publish: () => {} } : {})),
  'names that mean something',
  /nothing under __proto__/,
)
refuted(
  'a store that forgets folders',
  stores(() => ({}), { makeFolder: () => {} }),
  'folders arrive',
  /folder empty/,
)
refuted(
  'a store that says a link is there',
  stores(() => ({})),
  'links are made',
  /nothing under link/,
)
refuted(
  'a store that shows what is not verified',
  stores((part, memory, path) => ({
    write: (...args) => {
      shown(memory, path)
      return part.write(...args)
    },
  })),
  'before it is verified',
  /to be seen before/,
)
refuted(
  'a store that leaves what is discarded',
  stores((_part, memory, path) => ({ discard: () => void shown(memory, path) })),
  'of which the digest differs',
  /a\.txt failed, and is to be seen/,
)
refuted(
  'a store that shows what the sender gave up',
  stores((_part, memory, path) => ({ discard: () => void shown(memory, path) })),
  'the sender gives up',
  /half failed, and is to be seen/,
)
refuted(
  'a store that shows what it keeps',
  stores((_part, memory, path) => ({ keep: () => void shown(memory, path) })),
  'nobody says what it should be',
  /never verified, and is to be seen/,
)
refuted(
  'a store that needs order and does not say so',
  stores((part) => {
    let at = 0
    return {
      write: (_offset, buffers, ends) => {
        const from = at
        for (const { length } of buffers) at += length
        return part.write(from, buffers, ends)
      },
    }
  }),
  'out of order',
  /other bytes/,
)
refuted(
  'a store that reads back something else',
  stores(() => ({ digest: () => Buffer.alloc(32, 1) })),
  'no tap has seen',
  /untapped failed with ERR_DIGEST/,
)
for (const conflict of ['rename', 'skip', 'fail'] as const)
  refuted(
    `a store that overwrites under '${conflict}'`,
    stores((part) => ({ publish: (policy) => part.publish({ ...policy, conflict: 'overwrite' }) })),
    `taken: '${conflict}'`,
    /a\.txt has 28 bytes, not the 11/,
  )
for (const conflict of ['overwrite', 'replace'] as const)
  refuted(
    `a store that does not ${conflict}`,
    stores((part) => ({ publish: (policy) => part.publish({ ...policy, conflict: 'rename' }) })),
    `taken: '${conflict}'`,
    /a\.txt has 11 bytes, not the 28/,
  )
refuted(
  'a store that does not obey the policies that it names',
  stores((part) => ({ publish: (policy) => part.publish({ ...policy, conflict: 'skip' }) })),
  "taken: 'fail'",
  /it was skipped \(conflict\)/,
)
refuted(
  'a store that fails with what is there',
  stores((part, memory, path) => ({
    publish: (policy) => {
      if (memory.files.has(path)) throw new Error('it is there')
      return part.publish(policy)
    },
  })),
  'comes again',
  /failed with ERR_WRITE/,
)
refuted(
  'a store that removes the file in the place of which a folder comes',
  stores((_part, memory, path) => {
    if (path === 'docs/inside') memory.files.delete('docs')
    return {}
  }),
  'leaves the file',
  /nothing under docs/,
)
refuted(
  'a store that shows halves when it is torn down',
  stores((part, memory, path) => ({
    write: async (...args) => {
      await part.write(...args)
      if (path === 'large') shown(memory, path)
    },
  })),
  'torn down',
  /large has 1 bytes/,
)

// ——— claims ———

/** A store in memory whose claims are changed. */
function claiming(
  change: (claim: Claim, entry: Entry, memory: MemoryParts) => Claim | undefined,
  all = false,
) {
  return () =>
    partStoreConformance(
      () => {
        const memory = memoryParts()
        const left = new Map<string, Claim>()
        const store: PartStore = {
          begin: (entry) => memory.begin(entry),
          makeFolder: (entry) => memory.makeFolder!(entry),
          close: () => memory.close!(),
          async claims(entries) {
            const claims = new Map<number, Claim>()
            const found = await memory.claims!(all ? entries.map(asFirst) : entries)
            for (const entry of entries) {
              const claim = found.get(entry.index) ?? (all ? left.get(entry.path) : undefined)
              if (claim) left.set(entry.path, claim)
              const changed = claim && change(claim, entry, memory)
              if (changed) claims.set(entry.index, changed)
            }
            return claims
          },
        }
        const files = () => [...memory.files].map(([path, { bytes }]) => [path, bytes] as const)
        return { open: () => store, read: () => new Map<string, PlacedContent>(files()) }
      },
      { patience },
    )
}

/** The entry as it was begun. */
const asFirst = (entry: Entry): Entry => ({ ...entry, size: 200_000, mtime: 1_600_000_000_000 })

refuted(
  'a store that finds nothing again',
  claiming(() => undefined),
  'is claimed, read back',
  /is not claimed/,
)
refuted(
  'a store whose claims cannot be read',
  claiming(({ part, ranges }) => ({
    part: { write: (...args) => part.write(...args), publish: (p) => part.publish(p), discard: () => {} },
    ranges,
  })),
  'is claimed, read back',
  /cannot be read/,
)
refuted(
  'a store that reads something else',
  claiming(({ part, ranges }) => ({
    part: Object.assign(part, { read: (_at: number, into: Buffer) => void into.fill(1) }),
    ranges,
  })),
  'is claimed, read back',
  /not what was written/,
)
refuted(
  'a store that claims more than there can be',
  claiming(({ part }) => ({ part, ranges: [{ start: 0, end: 200_001 }] })),
  'is claimed, read back',
  /no ranges/,
)
refuted(
  'a store that claims what is of another content',
  claiming((claim) => claim, true),
  'for another size or time',
  /no part of it/,
)
refuted(
  'a store that claims a part twice',
  claiming((claim) => claim, true),
  'is claimed once',
  /twice/,
)

test('a place that gives no Map of what stands there is told so', async (t) => {
  const memory = memoryParts()
  const cases = partStoreConformance(() => ({ open: () => memory, read: () => ({}) as never }))
  const one = cases.find(({ name }) => name === 'a single file arrives')!
  await t.throwsAsync(async () => one.run(), { message: /what read\(\) of the place gives must be a Map/ })
})
