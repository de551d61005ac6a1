import test from 'ava'
import fc from 'fast-check'
import { end, leftOf, NOTHING_YET, release, reserve, use } from '../../lib/transfers/quota-ledger.js'
import { scale } from '../helpers/scale.js'

const holder = (name: string) => ({ use: name, owner: 'x', since: 0 })
const MOST = { bytes: 100, files: 10 }

test('what is offered is reserved, and becomes used as it comes', (t) => {
  const first = reserve(NOTHING_YET, MOST, { bytes: 60, files: 3 }, holder('a'))
  if ('refused' in first) return t.fail()
  t.deepEqual(first.reserved, { bytes: 60, files: 3 })
  t.deepEqual(leftOf(first.ledger, MOST), { bytes: 40, files: 7 })
  const came = use(first.ledger, { bytes: 50, files: 2 }, holder('a'))
  t.deepEqual(came.used, { bytes: 50, files: 2 })
  t.deepEqual(leftOf(came, MOST), { bytes: 40, files: 7 })
  const over = end(came, holder('a'))
  t.deepEqual(over, { used: { bytes: 50, files: 2 }, reserved: [] })
})

test('of what is offered as much is reserved as is left; where nothing is, or it is more than all, it is refused', (t) => {
  const used = { used: { bytes: 70, files: 1 }, reserved: [] }
  const some = reserve(used, MOST, { bytes: 90, files: 5 }, holder('a'))
  if ('refused' in some) return t.fail()
  t.deepEqual(some.reserved, { bytes: 30, files: 5 })
  const refusals = [
    reserve(some.ledger, MOST, { bytes: 1, files: 1 }, holder('b')),
    reserve(used, MOST, { bytes: 101, files: 1 }, holder('b')),
    reserve(used, MOST, { bytes: 1, files: 11 }, holder('b')),
    reserve({ ...used, used: { bytes: 100, files: 1 } }, MOST, { bytes: 1, files: 1 }, holder('b')),
    reserve({ ...used, used: { bytes: 0, files: 10 } }, MOST, { bytes: 1, files: 1 }, holder('b')),
  ]
  const reasons = refusals.map((one) => ('refused' in one ? one.refused : ''))
  for (const [i, reason] of [
    /reserved/,
    /101 bytes.*100 bytes/,
    /11 files/,
    /used up: 100/,
    /used up: 10 f/,
  ].entries())
    t.regex(reasons[i]!, reason)
})

test('a size that is not known takes all that is left', (t) => {
  const all = reserve(NOTHING_YET, MOST, { bytes: Number.POSITIVE_INFINITY, files: 1 }, holder('a'))
  if ('refused' in all) return t.fail()
  t.deepEqual(all.reserved, { bytes: 100, files: 1 })
})

const amount = fc.record({ bytes: fc.nat(60), files: fc.nat(6) })
const act = fc.oneof(
  fc.record({ kind: fc.constant('reserve' as const), who: fc.nat(4), amount }),
  fc.record({ kind: fc.constant('use' as const), who: fc.nat(4), amount }),
  fc.record({ kind: fc.constant('release' as const), who: fc.nat(4), amount }),
  fc.record({ kind: fc.constant('end' as const), who: fc.nat(4), amount }),
)

test('whatever happens in whatever order, it is as by a plain list of who has what, and never more is given than there is', (t) => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      let ledger = NOTHING_YET
      const has = new Map<string, { bytes: number; files: number }>()
      const used = { bytes: 0, files: 0 }
      const left = (unit: 'bytes' | 'files') => {
        let all = MOST[unit] - used[unit]
        for (const one of has.values()) all -= one[unit]
        return Math.max(0, all)
      }
      for (const { kind, who, amount } of acts) {
        const name = `${who}`
        const own = has.get(name)
        if (kind === 'reserve') {
          const before = { bytes: left('bytes'), files: left('files') }
          const done = reserve(ledger, MOST, amount, holder(name))
          const isRefused = (amount.bytes > 0 && !before.bytes) || (amount.files > 0 && !before.files)
          t.is('refused' in done, isRefused)
          if ('refused' in done) continue
          ledger = done.ledger
          for (const unit of ['bytes', 'files'] as const) t.true(done.reserved[unit] <= before[unit])
          if (own || done.reserved.bytes > 0 || done.reserved.files > 0)
            has.set(name, {
              bytes: (own?.bytes ?? 0) + done.reserved.bytes,
              files: (own?.files ?? 0) + done.reserved.files,
            })
        } else if (kind === 'end') {
          ledger = end(ledger, holder(name))
          has.delete(name)
        } else {
          if (kind === 'use') {
            ledger = use(ledger, amount, holder(name))
            used.bytes += amount.bytes
            used.files += amount.files
          } else ledger = release(ledger, amount, holder(name))
          if (own)
            has.set(name, {
              bytes: Math.max(0, own.bytes - amount.bytes),
              files: Math.max(0, own.files - amount.files),
            })
        }
        t.deepEqual(ledger.used, used)
        t.deepEqual(leftOf(ledger, MOST), { bytes: left('bytes'), files: left('files') })
        t.deepEqual(ledger.reserved.map((one) => one.use).sort(), [...has.keys()].sort())
      }
    }),
    { numRuns: scale(300, 20_000) },
  )
})

test('numbers stay whole, however much comes', (t) => {
  const most = { bytes: Number.MAX_SAFE_INTEGER, files: Number.MAX_SAFE_INTEGER }
  const much = use(NOTHING_YET, most, holder('a'))
  t.deepEqual(use(much, most, holder('a')).used, most)
  t.deepEqual(leftOf(much, most), { bytes: 0, files: 0 })
})
