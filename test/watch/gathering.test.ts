import test from 'ava'
import fc from 'fast-check'
import { type Changed, Gathering } from '../../lib/watch/gathering.js'

const RULES = { quiet: 100, longest: 1000, most: 5 }

const covers = (changed: Changed, path: string) => changed === 'all' || changed.includes(path)

test('a path is due when nothing has changed there for a while', (t) => {
  const gathering = new Gathering(RULES)
  gathering.add(['a'], 0)
  gathering.add(['a'], 60)
  t.is(gathering.due, 160)
  t.is(gathering.take(159), undefined)
  t.deepEqual(gathering.take(160), ['a'])
  t.is(gathering.due, undefined)
})

test('a path that goes on changing is due now and then', (t) => {
  const gathering = new Gathering(RULES)
  for (let now = 0; now < 1000; now += 50) gathering.add(['a'], now)
  t.is(gathering.take(999), undefined)
  t.deepEqual(gathering.take(1000), ['a'])
})

test('what is still being written does not hold up what is not', (t) => {
  const gathering = new Gathering(RULES)
  gathering.add(['a', 'b'], 0)
  gathering.add(['b'], 90)
  t.deepEqual(gathering.take(100), ['a'])
  t.deepEqual(gathering.take(190), ['b'])
})

test('of too many paths it is only known that something has changed', (t) => {
  const gathering = new Gathering(RULES)
  for (const path of 'abcdef') gathering.add([path], 10)
  t.is(gathering.take(109), undefined)
  t.is(gathering.take(110), 'all')
  t.is(gathering.due, undefined)
})

test('without a time all is taken that has changed', (t) => {
  const gathering = new Gathering(RULES)
  gathering.add(['a'], 0)
  t.deepEqual(gathering.take(), ['a'])
  t.is(gathering.take(), undefined)
})

test('every path is given out after its last change, at the latest when it is due, and nothing else is', (t) => {
  const steps = fc.array(
    fc.record({
      wait: fc.nat({ max: 150 }),
      change: fc.option(fc.constantFrom(...'abcdefgh'), { nil: undefined }),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 10 }), (all, most) => {
      const gathering = new Gathering({ ...RULES, most })
      /** When each path changed first since it was given out. */
      const changed = new Map<string, { first: number }>()
      const take = (now: number) => {
        const given = gathering.take(now)
        if (given === undefined) return
        for (const path of given === 'all' ? [] : given) t.true(changed.has(path))
        for (const path of [...changed.keys()]) if (covers(given, path)) changed.delete(path)
      }
      let now = 0
      for (const { wait, change } of all) {
        now += wait
        take(now)
        for (const { first } of changed.values()) t.true(now < first + RULES.longest)
        if (change === undefined) continue
        gathering.add([change], now)
        changed.set(change, { first: changed.get(change)?.first ?? now })
      }
      for (let tries = 0; gathering.due !== undefined && tries < 100; tries++) take(gathering.due)
      t.is(changed.size, 0)
    }),
  )
})

test('what is due next is known without a look at every path', (t) => {
  const gathering = new Gathering({ quiet: 1, longest: 100, most: 100_000 })
  const begun = performance.now()
  for (let now = 0; now < 50_000; now++) {
    gathering.add([`path ${now}`], now / 50_000)
    if (gathering.due! < 1) return t.fail('due before it is quiet')
  }
  for (let now = 1; gathering.due !== undefined; now += 0.001) gathering.take(now)
  t.true(performance.now() - begun < 10_000)
})
