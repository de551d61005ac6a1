import { randomBytes } from 'node:crypto'
import { digestOf } from '../../digest/digests.js'
import { SluiceError } from '../../errors.js'
import { CONFLICTS } from '../../files/publish/publish.js'
import type { Claim, Part, PartStore, PublishPolicy } from '../../stores/parts.js'
import type { Entry } from '../../wire/entry.js'
import { randomContent } from '../splits.js'
import { checkContent, type Place } from './part-store-transfer.js'
import { ensure } from './probe.js'

// Transfers that are interrupted, and found by the next one: of stores with `claims` only.

const ALGORITHM = 'sha256'
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
export const CLAIM_CASES: Record<string, (place: Place) => Promise<void>> = {
  'with claims: what was written before a close is claimed, read back, gone on with and whole': async (
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
  'with claims: claimed bytes can be written over': async (place) => {
    if ((await place.abilities()).isAscending) return
    await interrupted(place, Buffer.alloc(BEFORE))
    await withClaim(place, ENTRY, async (claim, store) => {
      if (claim) await complete(store, claim.part, 0)
      else await complete(store, await store.begin(ENTRY), 0)
    })
    checkContent(await place.read(), ENTRY.path, CONTENT)
  },
  'with claims: for another size or time nothing is claimed, and what is there stays for the right one':
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
  'with claims: a part is claimed once, and again after it was closed': async (place) => {
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
  'with claims: of a claim that was discarded nothing is claimed any more': async (place) => {
    await interrupted(place)
    await withClaim(place, ENTRY, (claim) => claim?.part.discard(new SluiceError('ERR_DIGEST', 'no good')))
    await withClaim(place, ENTRY, async (claim) =>
      ensure(claim === undefined, 'what was discarded is claimed'),
    )
    ensure(!(await place.read()).has(ENTRY.path), 'what was discarded is to be seen')
  },
}

/** A transfer that ends when some of the file has come. */
async function interrupted(place: Place, bytes: Buffer = CONTENT.subarray(0, BEFORE)): Promise<void> {
  await withClaim(place, ENTRY, async (_claim, store) => {
    const part = await store.begin(ENTRY)
    await part.write(0, [Buffer.from(bytes)], false)
  })
}

/** Opens the store for a transfer of the entry, asks for a claim of it, and closes the store. */
async function withClaim(
  place: Place,
  entry: Entry,
  act: (claim: Claim | undefined, store: PartStore) => Promise<void> | void,
): Promise<void> {
  const store = await place.open()
  try {
    const id = randomBytes(16).toString('hex')
    const common = { name: 'conformance', algorithm: ALGORITHM, first: 0, position: 0, bytes: entry.size! }
    const offer = { id, ...common, entries: [entry] }
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
  const { conflicts = CONFLICTS } = store.features ?? {}
  const policy: PublishPolicy = {
    conflict: conflicts[0]!,
    unless: 'identical',
    durability: store.durability ?? 'crash',
    algorithm: ALGORITHM,
  }
  await part.publish(policy)
  if (store.features?.publish === 'together') await store.publishAll!(policy, [ENTRY.path])
  await store.finish?.()
}
