import test from 'ava'
import type { Code } from '../../../lib/errors.js'
import { SluiceError } from '../../../lib/errors.js'
import { Ledger } from '../../../lib/stages/finalizer/ledger.js'
import { Publisher } from '../../../lib/stages/finalizer/publisher.js'
import type { DigestsItem, StoredRun } from '../../../lib/stages/river/items.js'
import { StoreCalls } from '../../../lib/stages/river/store-calls.js'
import type { Part, PartRun } from '../../../lib/stores/parts.js'
import type { Placement, PublishPolicy } from '../../../lib/stores/policy.js'
import { outcomesOf } from '../../../lib/wire/outcome.js'
import { offerOf, planOf, sha256 } from '../../helpers/items.js'
import { statuses } from '../../helpers/river.js'

const POLICY: PublishPolicy = {
  conflict: 'rename',
  unless: 'identical',
  durability: 'crash',
  algorithm: 'sha256',
}
const CONTENT = { a: 'a', d: null, b: 'b', c: 'c', e: 'e' }
const PATHS = Object.keys(CONTENT)
const digestOf = (path: string) => sha256(Buffer.from(path))

interface FixtureOptions {
  missing?: 'fail' | 'skip'
  /** What publishing a file that goes alone comes to. */
  publish?: (path: string) => Placement
  /** What was read back of a part. */
  digest?: (path: string) => Buffer
  isStopped?: () => boolean
}

function fixture({ missing, publish = () => ({}), digest, isStopped = () => false }: FixtureOptions = {}) {
  const plan = planOf(offerOf(CONTENT))
  const ledger = new Ledger(plan)
  const calls: string[] = []
  const partOf = (index: number): Part => {
    const { path } = plan.entries[index]!
    return {
      write: () => {},
      publish: () => {
        calls.push(`publish ${path}`)
        return publish(path)
      },
      discard: ({ code }) => void calls.push(`discard ${path} ${code}`),
      keep: ({ code }) => void calls.push(`keep ${path} ${code}`),
      ...(digest && { digest: () => digest(path) }),
    }
  }
  /** Files that were stored together. */
  const runOf = (unusual: number[] = []): PartRun => ({
    failures: new Map(),
    publish: async (first, last) => {
      calls.push(`publish ${first} to ${last}`)
      return unusual.filter((index) => index >= first && index <= last)
    },
    part: partOf,
  })
  const stored = (first: number, last: number, more: Partial<StoredRun> = {}): StoredRun => ({
    entries: plan.entries,
    first,
    last,
    digests: column(first, last),
    ...more,
  })
  const store = new StoreCalls({ begin: () => partOf(0) }, 4)
  const publisher = new Publisher(ledger, store, POLICY, { concurrency: 4, missing, isStopped })
  const of = async (item: DigestsItem) => {
    const outcomes = (await publisher.of(item)).flatMap((range) => [...outcomesOf(range, plan.entries)])
    return { outcomes, found: statuses(outcomes) }
  }
  return { plan, ledger, calls, partOf, runOf, stored, publisher, of }
}

/** The digests of consecutive entries, some of them changed. */
function column(first: number, last: number, change: Record<string, Buffer> = {}) {
  const slots = PATHS.slice(first, last + 1).map(
    (path) => change[path] ?? (path === 'd' ? Buffer.alloc(32) : digestOf(path)),
  )
  return { first, count: slots.length, bytes: Buffer.concat(slots) }
}

const said = (
  first: number,
  last: number,
  change: Record<string, Buffer> = {},
  failures?: [number, Code][],
) => {
  const item: DigestsItem = { kind: 'digests', ...column(first, last, change) }
  return failures ? { ...item, failures: new Map(failures) } : item
}

const OTHER = Buffer.alloc(32, 7)
const NONE = Buffer.alloc(32)

test('files that were stored together, and are what the sender says, are published together', async (t) => {
  const { ledger, stored, runOf, of, calls } = fixture()
  ledger.add(stored(0, 4, { run: runOf() }))
  const { outcomes, found } = await of(said(0, 4))
  t.deepEqual(found, { a: 'published', b: 'published', c: 'published', e: 'published' })
  t.deepEqual(calls, ['publish 0 to 4'])
  for (const { path, digest } of outcomes) t.deepEqual(digest, digestOf(path))
})

test('one that differs is not published, and the others around it are', async (t) => {
  const { ledger, stored, runOf, of, calls } = fixture()
  ledger.add(stored(0, 4, { run: runOf() }))
  const { outcomes, found } = await of(said(0, 4, { b: OTHER }))
  t.deepEqual(found, { a: 'published', b: 'failed ERR_DIGEST', c: 'published', e: 'published' })
  t.deepEqual(calls, ['publish 0 to 1', 'publish 3 to 4', 'discard b ERR_DIGEST'])
  t.like(outcomes[1]!.error, { expected: OTHER, found: digestOf('b'), path: 'b' })
})

test('what cannot be published together goes alone, under the policy', async (t) => {
  const publish = (path: string) => ({ name: `${path}_1` })
  const { ledger, stored, runOf, of, calls } = fixture({ publish })
  ledger.add(stored(0, 4, { run: runOf([2, 4]) }))
  const { found } = await of(said(0, 4))
  t.deepEqual(found, { a: 'published', b: 'published as b_1', c: 'published', e: 'published as e_1' })
  t.deepEqual(calls, ['publish 0 to 4', 'publish b', 'publish e'])
})

test('two digests that are both not known are not equal: such a file waits, and is read back when there is one', async (t) => {
  const { ledger, stored, runOf, of, calls } = fixture({ digest: digestOf })
  ledger.add(stored(0, 4, { run: runOf(), digests: column(0, 4, { b: NONE }) }))
  t.deepEqual((await of(said(0, 4, { b: NONE }))).found, { a: 'published', c: 'published', e: 'published' })
  t.false(calls.some((call) => call.endsWith(' b')))
  t.deepEqual((await of(said(2, 2))).found, { b: 'published' })
  t.true(calls.includes('publish b'))
})

test('digests of another length are never equal, not even empty ones', async (t) => {
  const { ledger, stored, runOf, of, calls } = fixture()
  const zeros = { first: 0, count: 5, bytes: Buffer.alloc(5 * 32) }
  ledger.add(stored(0, 4, { run: runOf(), digests: zeros }))
  const short: DigestsItem = { kind: 'digests', first: 0, count: 5, bytes: Buffer.alloc(5) }
  t.deepEqual((await of(short)).found, {})
  t.deepEqual(calls, [])
})

test('a file of which bytes came with gaps is read back before it is published, or found wrong', async (t) => {
  const digest = (path: string) => (path === 'a' ? digestOf('a') : OTHER)
  const { ledger, stored, partOf, of, calls } = fixture({ digest })
  for (const index of [0, 2]) {
    const { digests: _, ...without } = stored(index, index, { part: partOf(index), isWhole: true })
    ledger.add(without)
  }
  t.deepEqual((await of(said(0, 2))).found, { a: 'published', b: 'failed ERR_DIGEST' })
  t.deepEqual(calls, ['publish a', 'discard b ERR_DIGEST'])
})

test('a file of which a stage left less than its entry says is not published', async (t) => {
  const { ledger, stored, partOf, of, calls } = fixture()
  ledger.add(stored(0, 0, { part: partOf(0), isWhole: false }))
  t.deepEqual((await of(said(0, 0))).found, { a: 'failed ERR_DIGEST' })
  t.deepEqual(calls, ['discard a ERR_DIGEST'])
})

test('a file that the sender gave up fails with its code, stored or not, and what came of it goes', async (t) => {
  const { ledger, stored, runOf, of, calls } = fixture()
  ledger.add(stored(0, 2, { run: runOf() }))
  const { found } = await of(
    said(0, 4, { a: NONE, c: NONE, e: NONE }, [
      [0, 'ERR_SOURCE_CHANGED'],
      [3, 'ERR_SOURCE_READ'],
    ]),
  )
  t.deepEqual(found, { a: 'failed ERR_SOURCE_CHANGED', b: 'published', c: 'failed ERR_SOURCE_READ' })
  t.deepEqual(calls, ['publish 2 to 2', 'discard a ERR_SOURCE_CHANGED'])
})

test('of a file of which nothing is stored a stage took everything, or it never came', async (t) => {
  t.deepEqual((await fixture({ missing: 'skip' }).of(said(0, 2))).found, {
    a: 'skipped filtered ERR_SKIPPED',
    b: 'skipped filtered ERR_SKIPPED',
  })
  t.deepEqual((await fixture().of(said(0, 2))).found, {})
})

test('of a file that has its outcome nobody wants to know', async (t) => {
  const { ledger, stored, runOf, of, calls } = fixture()
  ledger.add(stored(0, 4, { run: runOf() }))
  ledger.close(0)
  ledger.close(2)
  t.deepEqual((await of(said(0, 4, { b: OTHER }))).found, { c: 'published', e: 'published' })
  t.deepEqual(calls, ['publish 3 to 4'])
})

test('what failed to be published fails alone: kept where that may pass, removed where it would be so again', async (t) => {
  const publish = (path: string): Placement => {
    if (path === 'a') throw Object.assign(new Error('disk'), { code: 'EIO' })
    if (path === 'b') throw new SluiceError('ERR_CONFLICT', 'b is taken')
    return {}
  }
  const { ledger, stored, partOf, of, calls } = fixture({ publish })
  for (const index of [0, 2, 3]) ledger.add(stored(index, index, { part: partOf(index), isWhole: true }))
  t.deepEqual((await of(said(0, 3))).found, {
    a: 'failed ERR_WRITE',
    b: 'failed ERR_CONFLICT',
    c: 'published',
  })
  t.true(calls.includes('keep a ERR_WRITE'))
  t.true(calls.includes('discard b ERR_CONFLICT'))
})

test('what would be so for every file is thrown', async (t) => {
  const publish = (): Placement => {
    throw Object.assign(new Error('full'), { code: 'ENOSPC' })
  }
  const { ledger, stored, partOf, of } = fixture({ publish })
  ledger.add(stored(0, 0, { part: partOf(0), isWhole: true }))
  await t.throwsAsync(of(said(0, 0)), { code: 'ERR_DISK_FULL' })
})

test('a file that a stage renamed has its outcome under the path of the offer, and says where it is', async (t) => {
  const { ledger, stored, partOf, of, plan } = fixture()
  const entry = { ...plan.entries[0]!, path: 'renamed' }
  ledger.add(stored(0, 0, { part: partOf(0), isWhole: true, entry }))
  const { outcomes, found } = await of(said(0, 0))
  t.deepEqual(found, { a: 'published as renamed' })
  t.is(outcomes[0]!.entry, plan.entries[0]!)
})

test('a renamed file that fails is told under the path of the offer', async (t) => {
  const { ledger, stored, partOf, of, plan } = fixture()
  const entry = { ...plan.entries[0]!, path: 'renamed' }
  ledger.add(stored(0, 0, { part: partOf(0), isWhole: true, entry }))
  t.deepEqual((await of(said(0, 0, { a: OTHER }))).found, { a: 'failed ERR_DIGEST' })
})

test('once it is stopped nothing more is published', async (t) => {
  let isStopped = false
  const { ledger, stored, partOf, of, calls } = fixture({ isStopped: () => isStopped })
  for (const index of [0, 2, 3]) ledger.add(stored(index, index, { part: partOf(index), isWhole: true }))
  isStopped = true
  t.deepEqual((await of(said(0, 3))).found, {})
  t.deepEqual(calls, [])
})

test('files that are stored and of which nobody said what they should be fail, and what came of them stays', async (t) => {
  const { ledger, stored, runOf, partOf, calls, publisher, plan } = fixture()
  ledger.add(stored(0, 2, { run: runOf() }))
  ledger.add(stored(3, 3, { part: partOf(3) }))
  ledger.close(0)
  const outcomes = (await publisher.unsaid()).flatMap((range) => [...outcomesOf(range, plan.entries)])
  t.deepEqual(statuses(outcomes), { b: 'failed ERR_DIGEST', c: 'failed ERR_DIGEST' })
  t.deepEqual(calls, ['keep b ERR_DIGEST', 'keep c ERR_DIGEST'])
})
