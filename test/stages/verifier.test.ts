import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { SluiceError } from '../../lib/errors.js'
import { hashTap } from '../../lib/stages/hash-tap.js'
import { mapCuts } from '../../lib/stages/map-cuts.js'
import type { DigestsItem, Item } from '../../lib/stages/river/items.js'
import { type VerifierOptions, verifier } from '../../lib/stages/verifier.js'
import { transformConformance } from '../../lib/testing/index.js'
import { digestIn } from '../../lib/wire/run.js'
import { conforms } from '../helpers/conforms.js'
import {
  amount,
  arrivingOf,
  failureIn,
  type ItemOptions,
  inCuts,
  itemsOf,
  SMALL,
  saying,
  sha256,
} from '../helpers/items.js'

const LARGE = { large: Buffer.alloc(3 << 20, 'large') }

conforms(
  'verifier',
  transformConformance<Item, Item>(() => verifier(), {
    input: () => arrivingOf(SMALL),
    expected: () => arrivingOf(SMALL),
    many: () => itemsOf(LARGE, 2048),
    prompt: (given, written) => given.length === written.length,
    same: (found, wanted) => {
      if (JSON.stringify(amount(found)) !== JSON.stringify(amount(wanted))) throw new Error('not the same')
    },
  }),
)

async function through(
  items: readonly Item[],
  options?: VerifierOptions,
  ...before: NodeJS.ReadWriteStream[]
) {
  const given: Item[] = []
  await pipeline([
    Readable.from(items),
    ...before,
    verifier(options),
    async (stage: AsyncIterable<Item>) => {
      for await (const item of stage) given.push(item)
    },
  ] as unknown as [NodeJS.ReadableStream, NodeJS.WritableStream])
  return given
}

/** What is said of each file: its digest, or the code of a failure. */
function saidOf(items: readonly Item[]): Record<string, string> {
  const said: Record<string, string> = {}
  const [offer] = items
  if (offer?.kind !== 'offer') throw new Error('the offer is missing')
  for (const item of items.filter((one): one is DigestsItem => one.kind === 'digests'))
    for (const { index, path } of offer.offer.entries) {
      const word = failureIn(item, index) ?? digestIn(item, index)?.toString('hex')
      if (word !== undefined) said[path] = word
    }
  return said
}

const INPUTS: Record<string, (options?: ItemOptions) => Item[]> = {
  columns: (options) => arrivingOf(SMALL, options),
  cuts: (options) => inCuts(arrivingOf(SMALL, options)),
  'runs of a few bytes': (options) => arrivingOf(SMALL, { ...options, run: 7 }),
}
const WRONG = {
  'docs/a': sha256(Buffer.from('other')),
  c: sha256(Buffer.from('no')),
  'docs/empty': sha256(Buffer.from('x')),
}
for (const [what, arriving] of Object.entries(INPUTS)) {
  test(`files whose content is what the sender says keep their digest: ${what}`, async (t) => {
    t.deepEqual(saidOf(await through(arriving())), saidOf(arriving()))
  })

  test(`one that is not fails the stream, or is said to have failed: ${what}`, async (t) => {
    const items = () => saying(arriving(), WRONG)
    await t.throwsAsync(through(items()), { code: 'ERR_DIGEST', message: /docs\/(a|empty)/ })
    const said = saidOf(await through(items(), { failed: 'pass' }))
    const good = saidOf(arriving())
    for (const path of Object.keys(WRONG)) good[path] = 'ERR_DIGEST'
    t.deepEqual(said, good)
  })
}

test('what the sender could not send, and what a stage refused, keeps its reason', async (t) => {
  const items = () => saying(arrivingOf(SMALL), { c: 'ERR_SOURCE_CHANGED' })
  await t.throwsAsync(through(items()), { code: 'ERR_SOURCE_CHANGED' })
  t.like(saidOf(await through(items(), { failed: 'pass' })), { c: 'ERR_SOURCE_CHANGED' })
  const error = new SluiceError('APP_NO', 'no')
  const refuse = () => mapCuts((cut) => (cut.entry.path === 'c' ? error : cut))
  t.is(await t.throwsAsync(through(arrivingOf(SMALL), {}, refuse())), error)
})

test('a file that did not pass hashTap, or lacks some of its bytes, is not verified', async (t) => {
  const bare = arrivingOf(SMALL, { tapped: false })
  await t.throwsAsync(through(bare), { code: 'ERR_DIGEST', message: /hashTap\(\)/ })
  t.deepEqual(saidOf(await through(bare, {}, hashTap())), saidOf(arrivingOf(SMALL)))
  const gap = mapCuts((cut) => (cut.entry.path === 'c' && cut.offset > 0 ? undefined : cut))
  const said = saidOf(await through(arrivingOf(SMALL, { run: 600 }), { failed: 'pass' }, gap))
  t.is(said.c, 'ERR_DIGEST')
  t.is(said['docs/a'], saidOf(arrivingOf(SMALL))['docs/a'])
})

test('a wrong option is refused', (t) => {
  t.throws(() => verifier({ failed: 'yes' as 'pass' }), { code: 'ERR_USAGE' })
})
