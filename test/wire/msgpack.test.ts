import test from 'ava'
import fc from 'fast-check'
import { isSluiceError } from '../../lib/errors.js'
import { DEFAULT_LIMITS } from '../../lib/wire/limits.js'
import { type Packed, pack, unpack } from '../../lib/wire/msgpack.js'
import { scale } from '../helpers/scale.js'

const { value } = fc.letrec<{ value: Packed; list: Packed[]; map: { [key: string]: Packed } }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'packed' },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.integer({ min: -40, max: 300 }),
    fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 1 - 2 ** 31, -(2 ** 31), -(2 ** 31) - 1),
    fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
    fc.string({ unit: 'binary', maxLength: 300 }).filter((text) => text.isWellFormed()),
    fc.uint8Array({ maxLength: 300 }).map((bytes): Packed => Buffer.from(bytes)),
    tie('list'),
    tie('map'),
  ),
  list: fc.array(tie('value'), { maxLength: 20, depthIdentifier: 'packed' }),
  map: fc.dictionary(fc.stringMatching(/^[a-zA-Z]{1,31}$/), tie('value'), {
    maxKeys: 20,
    depthIdentifier: 'packed',
    noNullPrototype: true,
  }),
}))
const map = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), value, { maxKeys: 5, noNullPrototype: true })

test('a map comes out as it went in: numbers, texts and bytes of any length', (t) => {
  fc.assert(
    fc.property(map, (packed) => {
      t.deepEqual(unpack(pack(packed), DEFAULT_LIMITS), packed)
    }),
    { numRuns: scale(300, 20_000) },
  )
})

test('a map that is cut anywhere is refused, and so is one with a byte more', (t) => {
  fc.assert(
    fc.property(map, fc.nat(), (packed, at) => {
      const whole = pack(packed)
      const code = { code: 'ERR_PROTOCOL' }
      t.throws(() => unpack(whole.subarray(0, at % whole.length), DEFAULT_LIMITS), code)
      t.throws(() => unpack(Buffer.concat([whole, Buffer.of(at & 0xff)]), DEFAULT_LIMITS), code)
    }),
    { numRuns: scale(200, 5000) },
  )
})

test('whatever bytes come, they are a map or an error of ours', (t) => {
  const mutated = fc
    .tuple(map, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
    .map(([packed, changes]) => {
      const payload = Buffer.from(pack(packed))
      for (const [at, byte] of changes) payload[at % payload.length] = byte
      return payload
    })
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array().map(Buffer.from)), (payload) => {
      try {
        return Object.getPrototypeOf(unpack(payload, DEFAULT_LIMITS)) === Object.prototype
      } catch (error) {
        return isSluiceError(error, 'ERR_PROTOCOL') || isSluiceError(error, 'ERR_LIMIT')
      }
    }),
    { numRuns: scale(2000, 200_000) },
  )
  t.pass()
})

const hex = (digits: string) => unpack(Buffer.from(`81a161${digits}`, 'hex'), DEFAULT_LIMITS).a

test('a number may be written wider than it needs to be', (t) => {
  for (const digits of ['05', 'cc05', 'cd0005', 'ce00000005', 'cf0000000000000005']) t.is(hex(digits), 5)
  for (const digits of ['d005', 'd10005', 'd200000005', 'd30000000000000005']) t.is(hex(digits), 5)
  for (const digits of ['ff', 'd0ff', 'd1ffff', 'd2ffffffff', 'd3ffffffffffffffff']) t.is(hex(digits), -1)
})

test('a text, bytes, a list and a map may have a longer header than they need', (t) => {
  for (const digits of ['a178', 'd90178', 'da000178', 'db0000000178']) t.is(hex(digits), 'x')
  for (const digits of ['c40107', 'c5000107', 'c60000000107']) t.deepEqual(hex(digits), Buffer.of(7))
  for (const digits of ['9107', 'dc000107', 'dd0000000107']) t.deepEqual(hex(digits), [7])
  for (const digits of ['81a16207', 'de0001a16207', 'df00000001a16207']) t.deepEqual(hex(digits), { b: 7 })
})

test('the safe integers are taken, and their neighbours are not', (t) => {
  t.is(hex('cf001fffffffffffff'), Number.MAX_SAFE_INTEGER)
  t.is(hex('d3001fffffffffffff'), Number.MAX_SAFE_INTEGER)
  t.is(hex('d3ffe0000000000001'), Number.MIN_SAFE_INTEGER)
  for (const digits of [
    'cf0020000000000000',
    'd30020000000000000',
    'd3ffe0000000000000',
    'd38000000000000000',
  ]) {
    t.throws(() => hex(digits), { code: 'ERR_PROTOCOL', message: /2\^53/ })
  }
})

test('a key that stands twice in a map is refused, and so is a text that is not UTF-8', (t) => {
  t.throws(() => hex('82a16201a16202'), { code: 'ERR_PROTOCOL', message: /key b twice/ })
  for (const digits of ['a2c328', 'a1ff', 'd90361ed80', 'a3eda080'])
    t.throws(() => hex(digits), { code: 'ERR_PROTOCOL', message: /not UTF-8/ }, digits)
  t.is(hex('a2c3a9'), 'é')
})
