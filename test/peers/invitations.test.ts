import test from 'ava'
import fc from 'fast-check'
import { isSluiceError } from '../../lib/index.js'
import { Invitations } from '../../lib/peers/invitations.js'
import { FakeClock } from '../../lib/testing/index.js'

const keyOf = (number: number) => Buffer.alloc(32, number + 1)

/** Why it is not let in; undefined if it is. */
function refusal(invitations: Invitations, key: number, secret?: Uint8Array): string | undefined {
  try {
    invitations.admit({ key: keyOf(key), secret })
    return undefined
  } catch (error) {
    return isSluiceError(error, 'ERR_IDENTITY') ? error.message : String(error)
  }
}

test('the first success binds a secret to a key, which comes again with it or without, and no other one does', (t) => {
  const clock = new FakeClock()
  const invitations = new Invitations({ clock })
  const secret = invitations.issue({ ttl: 1000 })
  t.is(secret.length, 16)
  t.is(refusal(invitations, 1, secret), undefined)
  t.regex(refusal(invitations, 2, secret)!, /used already/)
  clock.advance(5000)
  for (const again of [secret, undefined, Buffer.alloc(16)])
    t.is(refusal(invitations, 1, again), undefined, 'a transfer goes on after a break')
  t.regex(refusal(invitations, 2)!, /has no ticket/)
  invitations.withdraw(secret)
  t.regex(refusal(invitations, 1, secret)!, /secret of its ticket is wrong/)
})

test('it is known for how long somebody new can come: until the last ticket is used, expires, or is withdrawn', (t) => {
  const clock = new FakeClock()
  const invitations = new Invitations({ clock, tries: 1 })
  t.is(invitations.openFor, 0)
  const secret = invitations.issue({ ttl: 1000 })
  const later = invitations.issue({ ttl: 3000 })
  clock.advance(500)
  t.is(invitations.openFor, 2500)
  refusal(invitations, 1, later)
  t.is(invitations.openFor, 500, 'that one was used')
  clock.advance(500)
  t.is(invitations.openFor, 0)
  t.regex(refusal(invitations, 2, secret)!, /has expired/)
  invitations.issue()
  t.is(invitations.openFor, 60 * 60 * 1000)
  refusal(invitations, 2, Buffer.alloc(16))
  t.is(invitations.openFor, 0, 'a wrong secret was one too many')
})

test('a secret that its owner changes later is none of ours', (t) => {
  const invitations = new Invitations()
  const secret = invitations.issue()
  const copy = Buffer.from(secret)
  secret.fill(0)
  t.regex(refusal(invitations, 1, secret)!, /wrong/)
  t.is(refusal(invitations, 1, copy), undefined)
})

test('a bad option is named', (t) => {
  const invitations = new Invitations()
  t.throws(() => new Invitations({ tries: 0 }), { code: 'ERR_USAGE' })
  t.throws(() => invitations.issue({ many: 0 }), { code: 'ERR_USAGE' })
  t.throws(() => invitations.issue({ ttl: -1 }), { code: 'ERR_USAGE' })
  t.throws(() => invitations.issue({ count: 1 } as object), { code: 'ERR_USAGE' })
})

/** What is true of one invitation, in the plainest words. */
interface Model {
  secret: Uint8Array
  many: number
  expires: number
  keys: number[]
  isClosed: boolean
}

/** Tickets are numbered from the newest. */
type Step =
  | { do: 'issue'; many: number; ttl: number }
  | { do: 'admit'; key: number; ticket: number | 'none' | 'wrong' }
  | { do: 'withdraw'; ticket: number }
  | { do: 'wait'; ms: number }

const small = fc.integer({ min: 0, max: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('issue'),
    many: fc.integer({ min: 1, max: 3 }),
    ttl: fc.constantFrom(0, 10, 100),
  }),
  fc.record({
    do: fc.constant('admit'),
    key: fc.integer({ min: 0, max: 4 }),
    ticket: fc.oneof(small, fc.constantFrom('none', 'wrong', 'wrong')),
  }),
  fc.record({ do: fc.constant('withdraw'), ticket: small }),
  fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 1, max: 60 }) }),
) as fc.Arbitrary<Step>

test('whoever is let in has come before, or with a ticket that is open: whatever happens', (t) => {
  const run = fc.property(
    fc.array(step, { maxLength: 60, size: 'max' }),
    fc.integer({ min: 1, max: 4 }),
    (steps, tries) => {
      const clock = new FakeClock()
      const invitations = new Invitations({ clock, tries })
      let model: Model[] = []
      let gone: Uint8Array[] = []
      let wrong = 0
      const mayEnter = (key: number, ticket: number | 'none' | 'wrong'): boolean => {
        if (model.some(({ keys }) => keys.includes(key))) return true
        if (ticket === 'none') return false
        const found = ticket === 'wrong' ? undefined : model.at(-1 - ticket)
        if (!found) {
          if (++wrong % tries === 0) for (const one of model) one.isClosed = true
          return false
        }
        if (found.keys.length >= found.many || found.isClosed || clock.now() >= found.expires) return false
        found.keys.push(key)
        return true
      }
      const openFor = () => {
        const open = model.filter(({ keys, many, isClosed }) => keys.length < many && !isClosed)
        return Math.max(0, ...open.map(({ expires }) => expires - clock.now()))
      }
      for (const one of steps) {
        if (one.do === 'issue') {
          const { many, ttl } = one
          const secret = invitations.issue({ many, ttl })
          model.push({ secret, many, expires: clock.now() + ttl, keys: [], isClosed: false })
        } else if (one.do === 'wait') clock.advance(one.ms)
        else if (one.do === 'withdraw') {
          const ended = model.at(-1 - one.ticket)
          if (!ended) continue
          invitations.withdraw(ended.secret)
          gone = [...gone, ended.secret]
          model = model.filter((other) => other !== ended)
        } else {
          const { key, ticket } = one
          const withdrawn = gone.at(-1) ?? Buffer.alloc(16)
          const secret =
            ticket === 'none' ? undefined : ticket === 'wrong' ? withdrawn : model.at(-1 - ticket)?.secret
          const shown = secret ?? (ticket === 'none' ? undefined : Buffer.alloc(16))
          t.is(refusal(invitations, key, shown) === undefined, mayEnter(key, ticket))
        }
        t.is(invitations.openFor, openFor())
      }
    },
  )
  fc.assert(run, { numRuns: 500 })
})
