import { randomBytes } from 'node:crypto'
import { digestOf } from '../../digest/digests.js'
import { SluiceError } from '../../errors.js'
import { CONFLICTS } from '../../files/publish/policies.js'
import type { Claim, Part, PartStore, StandingFiles } from '../../stores/parts.js'
import type { Conflict, PublishPolicy, Unless } from '../../stores/policy.js'
import type { Entry, Offer } from '../../wire/entry.js'
import { randomContent } from '../splits.js'
import { ensure } from './harness/probe.js'
import { checkContent, type StorePlace } from './part-store-transfer.js'

// What a transfer finds that others left: of stores with `claims`, or `lookup`, only.

const ALGORITHM = 'sha256'
const HEAD = { name: 'conformance', algorithm: ALGORITHM, first: 0, position: 0 }
const CONTENT = randomContent(200_000)
/** Bytes that come before the interruption. */
const BEFORE = 150_000
const ENTRY: Entry = {
  index: 0,
  type: 'file',
  path: 'docs/half',
  size: CONTENT.length,
  start: 0,
  mtime: 1_600_000_000_000,
  mode: null,
}

/** The cases by their names. */
export const CLAIM_CASES: Record<string, (place: StorePlace) => Promise<void>> = {
  'if it has claims: what was written before a close is claimed, read back, gone on with and whole': async (
    place,
  ) => {
    await interrupted(place)
    await withClaim(place, ENTRY, async (claim, store) => {
      ensure(claim !== undefined, 'what was written before the store was closed is not claimed')
      await checkClaim(claim)
      const { part } = claim
      await complete(store, part, Math.max(0, ...claim.ranges.map(({ end }) => end)))
    })
    checkContent(await place.read(), ENTRY.path, CONTENT)
    await withClaim(place, ENTRY, async (claim) =>
      ensure(claim === undefined, 'a file that was published is claimed as an unfinished one'),
    )
  },
  'if it has claims: claimed bytes can be written over': async (place) => {
    if ((await place.abilities()).isAscending) return
    await interrupted(place, Buffer.alloc(BEFORE))
    await withClaim(place, ENTRY, async (claim, store) => {
      if (claim) await complete(store, claim.part, 0)
      else await complete(store, await store.begin(ENTRY), 0)
    })
    checkContent(await place.read(), ENTRY.path, CONTENT)
  },
  'if it has claims: for another size or time nothing is claimed, and what is there stays for the right one':
    async (place) => {
      await interrupted(place)
      for (const other of [{ size: CONTENT.length + 1 }, { mtime: ENTRY.mtime + 60_000 }])
        await withClaim(place, { ...ENTRY, ...other }, async (claim) =>
          ensure(claim === undefined, `what is no part of it is claimed: ${JSON.stringify(other)}`),
        )
      await withClaim(place, ENTRY, async (claim) => {
        ensure(claim !== undefined, 'what was there is lost, since somebody asked for another content')
        await checkClaim(claim)
      })
    },
  'if it has claims: a part is claimed once, and again after it was closed': async (place) => {
    await interrupted(place)
    for (let times = 0; times < 2; times++) {
      await withClaim(place, ENTRY, async (claim, store) => {
        ensure(claim !== undefined, `it is not claimed${times === 0 ? '' : ' again'}`)
        await checkClaim(claim)
        const again = await store.claims!([ENTRY])
        ensure(again.size === 0, 'a part is claimed twice')
      })
    }
  },
  'if it has claims: of a claim that was discarded nothing is claimed any more': async (place) => {
    await interrupted(place)
    await withClaim(place, ENTRY, (claim) => claim?.part.discard(new SluiceError('ERR_DIGEST', 'no good')))
    await withClaim(place, ENTRY, async (claim) =>
      ensure(claim === undefined, 'what was discarded is claimed'),
    )
    ensure(!(await place.read()).has(ENTRY.path), 'what was discarded is to be seen')
  },
}

/** The same of files that stand already. */
export const LOOKUP_CASES: Record<string, (place: StorePlace) => Promise<void>> = {
  'if it has lookup: what stands with the size of an entry is found, and read': async (place) => {
    await published(place, CONTENT)
    await withLookup(place, [ENTRY], 'identical', async (found) => {
      const { indices, source } = found
      ensure(indices.join() === '0', 'a file that stands with the same size is not found')
      const open = await source.open!(ENTRY, new AbortController().signal)
      const into = Buffer.alloc(CONTENT.length - 7)
      await open.read(7, into)
      ensure(into.equals(CONTENT.subarray(7)), 'what is read of it is not what stands there')
      await open.verify()
      await open.close()
      ensure(
        ((await found.acknowledge?.([ENTRY])) ?? []).length === 0,
        'a file that stands there is said to be gone',
      )
    })
    checkContent(await place.read(), ENTRY.path, CONTENT)
  },
  'if it has lookup: what has another size, or stands nowhere, is not found': async (place) => {
    await published(place, CONTENT)
    const others = [
      { ...ENTRY, size: 5 },
      { ...ENTRY, index: 1, path: 'docs/other' },
      { ...ENTRY, index: 2, path: 'no/folder' },
    ]
    for (const unless of ['identical', 'unchanged'] as const)
      await withLookup(place, others, unless, ({ indices }) =>
        ensure(indices.length === 0, `what is not there is found: ${indices.join()}`),
      )
  },
  'if it has lookup: unless it is unchanged: what has the size and the time is there': async (place) => {
    await published(place, CONTENT)
    const entries = [ENTRY, { ...ENTRY, index: 1, mtime: ENTRY.mtime + 60_000 }]
    await withLookup(place, entries, 'unchanged', ({ indices }) =>
      ensure(
        indices.join() === '0',
        `of one file with the size and one with the time, too, there is: ${indices.join()}`,
      ),
    )
  },
  'if it has lookup: a file that another one took the place of is not read any more': async (place) => {
    await published(place, CONTENT)
    await withLookup(place, [ENTRY], 'identical', async ({ source }, store) => {
      const { conflicts = CONFLICTS } = store.features ?? {}
      if (!conflicts.includes('overwrite')) return
      const part = await store.begin(ENTRY)
      await part.write(0, [Buffer.from(randomContent(CONTENT.length, 9))], true)
      await publish(store, part, policyOf(store, 'identical', 'overwrite'))
      const read = async () => {
        const open = await source.open!(ENTRY, new AbortController().signal)
        try {
          await open.read(0, Buffer.alloc(5))
          await open.verify()
        } finally {
          await open.close()
        }
      }
      const error = await read().then(
        () => undefined,
        (failure) => failure,
      )
      ensure(error !== undefined, 'another file is read than the one that was found')
    })
  },
}
/** A transfer that publishes the file. */
async function published(place: StorePlace, content: Buffer): Promise<void> {
  await withLookup(place, [], 'nothing', async (_found, store) => {
    const part = await store.begin(ENTRY)
    await part.write(0, [Buffer.from(content)], true)
    await publish(store, part, policyOf(store, 'nothing'))
    await store.finish?.()
  })
}

/** Opens the store for a transfer of entries, looks for what stands in their place, and closes the store. */
async function withLookup(
  place: StorePlace,
  entries: Entry[],
  unless: Unless,
  act: (found: StandingFiles, store: PartStore) => Promise<void> | void,
): Promise<void> {
  const store = await place.open()
  try {
    const offered = entries.length === 0 ? [ENTRY] : entries
    const bytes = offered.reduce((sum, { size }) => sum + size!, 0)
    const offer: Offer = { ...HEAD, id: randomBytes(16).toString('hex'), bytes, entries: offered }
    store.obey?.(policyOf(store, unless))
    await store.learn?.(offer)
    await store.claims?.(entries)
    // what is published together is compared with what stands only then
    const isAsked = entries.length > 0 && store.features?.publish !== 'together'
    const found = isAsked ? await store.lookup?.(entries) : undefined
    await store.expect?.(offer, bytes)
    if (entries.length === 0) await act({ indices: [], source: {} }, store)
    else if (found) await act(found, store)
  } finally {
    await store.close?.()
  }
}

async function publish(store: PartStore, part: Part, policy: PublishPolicy): Promise<void> {
  await part.publish(policy)
  if (store.features?.publish === 'together') await store.publishAll!(policy, [ENTRY.path])
}

function policyOf(store: PartStore, unless: Unless, conflict?: Conflict): PublishPolicy {
  const { conflicts = CONFLICTS } = store.features ?? {}
  const durability = store.durability ?? 'crash'
  return { conflict: conflict ?? conflicts[0]!, unless, durability, algorithm: ALGORITHM }
}

/** A transfer that ends when some of the file has come. */
async function interrupted(place: StorePlace, bytes: Buffer = CONTENT.subarray(0, BEFORE)): Promise<void> {
  await withClaim(place, ENTRY, async (_claim, store) => {
    const part = await store.begin(ENTRY)
    await part.write(0, [Buffer.from(bytes)], false)
  })
}

/** Opens the store for a transfer of the entry, asks for a claim of it, and closes the store. */
async function withClaim(
  place: StorePlace,
  entry: Entry,
  act: (claim: Claim | undefined, store: PartStore) => Promise<void> | void,
): Promise<void> {
  const store = await place.open()
  try {
    const id = randomBytes(16).toString('hex')
    const offer = { ...HEAD, id, bytes: entry.size!, entries: [entry] }
    await store.learn?.(offer)
    const claims = await store.claims!([entry])
    await store.expect?.(offer, entry.size!)
    await act(claims.get(entry.index), store)
  } finally {
    await store.close?.()
  }
}

/** The ranges of a claim are such as a plan can take, and what is in them can be read. */
async function checkClaim({ part, ranges }: Claim): Promise<void> {
  ensure(part.read !== undefined, 'a part that is claimed cannot be read: nothing of it can be proved')
  let before = -1
  for (const { start, end } of ranges) {
    ensure(start > before && end > start && end <= CONTENT.length, `no ranges: ${JSON.stringify(ranges)}`)
    before = end
    const into = Buffer.alloc(end - start)
    const half = into.length >> 1
    await Promise.all([
      part.read(start, into.subarray(0, half)),
      part.read(start + half, into.subarray(half)),
    ])
    const right = CONTENT.subarray(start, Math.min(end, BEFORE))
    ensure(into.subarray(0, right.length).equals(right), 'what is read of a claim is not what was written')
  }
}

/** Writes the file from a byte on, and gives it its name. */
async function complete(store: PartStore, part: Part, from: number): Promise<void> {
  if (from < CONTENT.length) await part.write(from, [Buffer.from(CONTENT.subarray(from))], true)
  const digest = await part.digest?.(ALGORITHM)
  const isRight = digest === undefined || digest.equals(digestOf(ALGORITHM, CONTENT))
  ensure(isRight, 'the digest of a file that was gone on with is not that of its content')
  const policy = policyOf(store, 'identical')
  await publish(store, part, policy)
  await store.finish?.()
}
