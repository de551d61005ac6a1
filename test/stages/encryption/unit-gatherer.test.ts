import test from 'ava'
import fc from 'fast-check'
import { UnitGatherer } from '../../../lib/stages/encryption/unit-gatherer.js'
import { piecesOf, randomContent } from '../../../lib/testing/index.js'

/** All units of these lengths, and what is left of the last chunk. */
function gathered(chunks: readonly Buffer[], lengths: readonly number[]): Buffer[] {
  const gatherer = new UnitGatherer(lengths[0]!)
  const units: Buffer[] = []
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const { taken, bytes } = gatherer.gather(chunk, at)
      at += taken
      if (!bytes) continue
      units.push(Buffer.from(bytes))
      gatherer.next(lengths[units.length] ?? 1)
    }
  }
  return units
}

test('units are those bytes, in their order, however they are split', (t) => {
  const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 })
  const run = fc.property(lengths, fc.integer({ min: 1, max: 60 }), (all, size) => {
    const content = randomContent(all.reduce((sum, length) => sum + length, 0))
    const units = gathered(piecesOf(content, size), all)
    t.deepEqual(
      units.map(({ length }) => length),
      all,
    )
    t.true(Buffer.concat(units).equals(content))
  })
  fc.assert(run)
})

test('a unit in one chunk is a view, and those that are split use one memory', (t) => {
  const chunk = randomContent(100)
  const gatherer = new UnitGatherer(40)
  t.is(gatherer.gather(chunk, 10).bytes!.buffer, chunk.buffer)
  const split = () => {
    t.deepEqual(gatherer.gather(chunk, 90), { taken: 10 })
    return gatherer.gather(chunk, 0).bytes!
  }
  const first = split().buffer
  t.not(first, chunk.buffer)
  t.is(split().buffer, first)
})
