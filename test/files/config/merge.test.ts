import test from 'ava'
import fc from 'fast-check'
import { type Config, type MergeRules, mergeValues } from '../../../lib/files/config/merge.js'

const json = fc.jsonValue({ maxDepth: 4 })
const key = fc.oneof(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'prototype'), fc.string())
/** As parsing makes them: `__proto__` is a key of its own. */
const maps = fc
  .dictionary(key, fc.oneof(json, fc.dictionary(key, json), fc.array(json)), { noNullPrototype: true })
  .chain((map) =>
    fc.boolean().map((hostile): Config => {
      const text = JSON.stringify(map)
      return JSON.parse(
        hostile ? `{"__proto__":{"polluted":true},${text.slice(1)}`.replace(',}', '}') : text,
      ) as Config
    }),
  )
const rules: fc.Arbitrary<MergeRules> = fc.record(
  {
    strategy: fc.constantFrom('deep' as const, 'shallow' as const),
    arrays: fc.constantFrom('replace' as const, 'concat' as const, 'union' as const),
  },
  { requiredKeys: [] },
)
const text = (value: unknown) => JSON.stringify(value)

test('KNOWN-FAILURES 47: __proto__ and its like never go through, at no depth', (t) => {
  const holds = fc.property(fc.array(maps), rules, (given, how) => {
    const merged = mergeValues(given, how)
    const walk = (value: unknown): boolean => {
      if (typeof value !== 'object' || value === null) return true
      if (Array.isArray(value)) return value.every(walk)
      if (Object.getPrototypeOf(value) !== Object.prototype) return false
      const keys = Object.keys(value)
      return (
        !keys.some((k) => ['__proto__', 'constructor', 'prototype'].includes(k)) &&
        Object.values(value).every(walk)
      )
    }
    return walk(merged) && !('polluted' in {})
  })
  t.notThrows(() => fc.assert(holds))
  const dropped: string[] = []
  const hostile = JSON.parse('{"a":[{"__proto__":{"x":1}}],"b/~":{"constructor":{"prototype":1}}}') as Config
  t.deepEqual(
    mergeValues([hostile], {}, (at) => dropped.push(at)),
    { a: [{}], 'b/~': {} },
  )
  t.deepEqual(dropped, ['/a/0/__proto__', '/b~1~0/constructor'])
})

test('merging with itself, with nothing, or in steps changes nothing', (t) => {
  const holds = fc.property(maps, maps, maps, rules, (a, b, c, how) => {
    const alone = text(mergeValues([a], how))
    const twice = how.arrays === 'concat' ? alone : text(mergeValues([a, a], how))
    const empty = text(mergeValues([{}, a, {}], how))
    const steps = text(mergeValues([mergeValues([a, b], how), c], how))
    return twice === alone && empty === alone && steps === text(mergeValues([a, b, c], how))
  })
  t.notThrows(() => fc.assert(holds))
})

test('the last one counts, and what was given stays as it was', (t) => {
  const holds = fc.property(maps, maps, rules, (a, b, how) => {
    const before = text([a, b])
    const merged = mergeValues([a, b], how)
    const clean = mergeValues([b])
    const counts = Object.entries(clean).every(([k, value]) => {
      const map = typeof value === 'object' && value !== null
      return map || text(merged[k]) === text(value)
    })
    // nothing is shared
    for (const value of Object.values(merged)) if (Array.isArray(value)) value.push('more')
    return counts && text([a, b]) === before
  })
  t.notThrows(() => fc.assert(holds))
})

test('maps are merged at every depth, or only the outermost', (t) => {
  const one = { a: { x: 1, y: [1] }, b: 1, c: { d: 1 }, e: [1] }
  const two = { a: { y: [2], z: 3 }, b: null, c: 'text', e: { f: 1 } }
  t.deepEqual(mergeValues([one, two]), { a: { x: 1, y: [2], z: 3 }, b: null, c: 'text', e: { f: 1 } })
  t.deepEqual(mergeValues([one, two], { strategy: 'shallow' }), {
    a: { y: [2], z: 3 },
    b: null,
    c: 'text',
    e: { f: 1 },
  })
})

test('arrays are replaced, joined or united', (t) => {
  const one = { a: [1, 1, { x: 1, y: 2 }, Number.NaN] }
  const two = { a: [{ y: 2, x: 1 }, 1, '1', null, Number.NaN, 2, 2, [1], '[1]'] }
  t.deepEqual(mergeValues([one, two], { arrays: 'replace' }), two)
  t.deepEqual(mergeValues([one, two], { arrays: 'concat' }), { a: [...one.a, ...two.a] })
  t.deepEqual(mergeValues([one, two], { arrays: 'union' }), { a: [...one.a, '1', null, 2, [1], '[1]'] })
})

test('a map that is too deep is refused, with a code', (t) => {
  let deep: Config = {}
  for (let i = 0; i < 2000; i++) deep = { deep }
  t.throws(() => mergeValues([deep]), { code: 'ERR_LIMIT' })
})
