import test from 'ava'
import { Plan } from '../../lib/transfer/plan.js'
import type { Offer } from '../../lib/wire/entry.js'
import { type Kind, offerOf } from '../helpers/plan-model.js'

/** A plan with one offer, and nothing decided. */
function offered(...kinds: Kind[]): Plan & { offers: Offer[] } {
  const offers = [offerOf(kinds)]
  const plan = new Plan()
  plan.add(offers[0]!)
  return Object.assign(plan, { offers })
}

/** A plan that wants all of one offer. */
function wanting(...kinds: Kind[]): Plan & { offers: Offer[] } {
  const plan = offered(...kinds)
  plan.want(kinds.length)
  return plan
}

const entriesOf = (pieces: Iterable<{ first: number; last: number }>) =>
  [...pieces].map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(' ')

/** Takes bytes in; gives the entries of each piece. */
const take = (plan: Plan, position: number, length: number) => entriesOf(plan.take(position, length))

/** The text with which bytes are refused. */
const refused = (plan: Plan, position: number, length: number) => () => take(plan, position, length)
const says = (message: string) => ({ code: 'ERR_PROTOCOL', message: `the peer sent ${message}` })
/** The same for what the caller decides. */
const saysOfCaller = (message: string) => ({ code: 'ERR_STATE', message: `the plan was given ${message}` })

test('files that come in order are done one after the other', (t) => {
  const plan = wanting(10, 20)
  t.is(take(plan, 0, 10), '0')
  t.true(plan.isThere(0))
  t.true(plan.answer(0))
  t.is(take(plan, 10, 20), '1')
  t.true(plan.answer(1))
  plan.end()
  t.false(plan.isFinished, 'the entries have no outcome yet')
  plan.close(0)
  plan.close(1)
  t.true(plan.isFinished)
  t.is(plan.cameBytes, 30)
})

test('a piece says from where in its first entry to where in its last one it reaches', (t) => {
  const plan = wanting(10, 20, 5)
  t.deepEqual(
    [...plan.take(4, 29)],
    [{ position: 4, length: 29, first: 0, last: 2, offset: 4, ends: false, isLate: false }],
  )
  t.deepEqual(
    [...plan.take(33, 2)],
    [{ position: 33, length: 2, first: 2, last: 2, offset: 3, ends: true, isLate: false }],
  )
  t.deepEqual(plan.missing(0), [], 'the first bytes of entry 0 are still to come')
  t.true(plan.isComing(0, 0, 4))
})

test('bytes that start in the middle of a file are taken if those are wanted', (t) => {
  const plan = wanting(10)
  take(plan, 0, 10)
  t.throws(refused(plan, 4, 6), says('bytes at 4 that came already, of entry 0'))
  const again = wanting(10)
  take(again, 0, 10)
  again.ask(0, [{ start: 4, end: 10 }])
  t.is(take(again, 4, 6), '0')
  t.true(again.isThere(0))
})

test('a gap is left, and filled later', (t) => {
  const plan = wanting(10, 20)
  t.is(take(plan, 0, 3), '0')
  t.is(take(plan, 5, 5), '0')
  t.false(plan.isThere(0))
  t.deepEqual(plan.coming(), { entry: plan.entries[0]!, start: 3, end: 5 })
  t.is(take(plan, 3, 2), '0')
  t.true(plan.isThere(0))
})

test('a gap that is not filled makes the digest come too early', (t) => {
  const plan = wanting(10)
  take(plan, 0, 3)
  take(plan, 5, 5)
  t.throws(() => plan.answer(0), says('a digest before the last byte of entry 0'))
})

test('files may come in another order', (t) => {
  const plan = wanting(10, 20, 30)
  t.is(take(plan, 30, 30), '2')
  t.is(take(plan, 0, 10), '0')
  t.is(take(plan, 10, 20), '1')
  t.deepEqual(
    [0, 1, 2].map((index) => plan.isThere(index)),
    [true, true, true],
  )
})

test('bytes come again only after they were asked for again', (t) => {
  const plan = wanting(10)
  take(plan, 0, 10)
  plan.ask(0, [{ start: 2, end: 6 }])
  t.is(take(plan, 2, 4), '0')
  t.is(plan.cameBytes, 14)
  t.throws(refused(plan, 2, 4), says('bytes at 2 that came already, of entry 0'))
})

test('bytes after the end are taken if they were asked for again, and otherwise refused', (t) => {
  const plan = wanting(10)
  take(plan, 0, 10)
  plan.answer(0)
  plan.ask(0, [{ start: 0, end: 10 }])
  plan.end()
  t.is(take(plan, 0, 10), '0')
  t.true(plan.answer(0))
  t.throws(refused(plan, 0, 10), says('bytes at 0 that came already, of entry 0'))
})

test('an end that crosses a request on its way is no error; one before the first answer is', (t) => {
  const plan = wanting(10, 20)
  take(plan, 0, 30)
  plan.answer(0)
  plan.ask(0)
  t.throws(() => plan.end(), says('the end before the digest of entry 1'))
  plan.answer(1)
  plan.end()
  t.true(plan.isOpen(0))
  t.throws(() => plan.end(), says('the end twice'))
  t.throws(() => plan.add(offerOf([1], plan.offers)), says('an offer after the end'))
})

test('of what is skipped nothing may come, also when it has its outcome', (t) => {
  const plan = offered(10, 20, 30)
  plan.want(1)
  plan.skip(1)
  plan.want(1)
  t.is(take(plan, 0, 10), '0')
  plan.close(1)
  t.throws(refused(plan, 10, 20), says('bytes at 10 that are to be skipped, of entry 1'))
  t.throws(refused(plan, 30, 31), says('bytes at 60, beyond the end of the offer'))
})

test('nothing may come before the answer to the offer', (t) => {
  const plan = offered(10)
  t.throws(refused(plan, 0, 10), says('bytes at 0 before the answer to the offer of entry 0'))
  t.throws(() => plan.end(), says('the end before an answer to its offer'))
  t.throws(() => plan.answer(0), says('a digest that nobody waits for of entry 0'))
  t.throws(() => plan.want(2), saysOfCaller('an answer about entry 1, of 1 that were offered'))
})

test('entries of no bytes are in the piece with the bytes that follow them', (t) => {
  const plan = wanting('folder', 10, 0, 'link', 20)
  t.is(take(plan, 0, 30), '0-4')
  t.true(plan.isThere(2))
  t.deepEqual([...plan.pass()], [], 'each is passed once')
})

test('entries of no bytes are pieces of their own where the bytes start in the middle of a file', (t) => {
  const plan = wanting('folder', 'folder', 10)
  t.is(take(plan, 4, 6), '0-1 2')
})

test('entries of no bytes that others follow which are skipped are not lost', (t) => {
  const plan = offered('folder', 10, 'folder', 20)
  plan.want(1)
  plan.skip(1)
  plan.want(2)
  t.is(take(plan, 10, 20), '0 2-3')
})

test('trailing entries of no bytes are passed at the end', (t) => {
  const plan = wanting(10, 'folder', 0)
  take(plan, 0, 10)
  t.deepEqual(
    [...plan.pass()],
    [{ position: 10, length: 0, first: 1, last: 2, offset: 0, ends: true, isLate: false }],
  )
  t.deepEqual([...plan.pass()], [])
})

test('an empty file is passed before its digest is taken in, with all that is before it', (t) => {
  const plan = wanting('folder', 0, 'folder')
  t.throws(() => plan.answer(1), says('a digest before the last byte of entry 1'))
  const other = wanting('folder', 0, 'folder')
  t.is(entriesOf(other.pass(2)), '0-1')
  t.true(other.answer(1))
  t.is(entriesOf(other.pass()), '2')
})

test('no piece has more entries than it may', (t) => {
  const plan = wanting('folder', 'folder', 'folder', 1, 1, 0, 1, 'folder', 'folder', 'folder')
  t.is(entriesOf(plan.take(0, 3, { entries: 2 })), '0-1 2-3 4 5-6')
  t.is(entriesOf(plan.pass(undefined, { entries: 2 })), '7-8 9')
})

test('a file of unknown size grows until its size comes with its digest', (t) => {
  const plan = wanting(10, null)
  t.is(plan.wantedBytes, null)
  t.is(take(plan, 0, 14), '0-1')
  t.is(take(plan, 14, 5), '1')
  t.false(plan.isThere(1))
  const end = { position: 19, length: 0, first: 1, last: 1, offset: 9, ends: true, isLate: false }
  t.deepEqual(plan.setSize(1, 9), end)
  t.true(plan.isThere(1))
  t.is(plan.wantedBytes, 19)
  t.true(plan.answer(1))
  t.throws(refused(plan, 19, 1), says('bytes at 19, beyond the end of the offer'))
})

test('a file of unknown size may turn out to have no bytes', (t) => {
  const plan = wanting('folder', null)
  t.is(entriesOf(plan.pass(1)), '0')
  const end = { position: 0, length: 0, first: 1, last: 1, offset: 0, ends: true, isLate: false }
  t.deepEqual(plan.setSize(1, 0), end)
  t.true(plan.isThere(1))
  t.is(plan.coming(), undefined)
  t.deepEqual([...plan.pass()], [], 'it was passed with the piece that ended it')
  t.true(plan.answer(1))
})

test('the size of a file is that of the bytes that came', (t) => {
  const less = wanting(null)
  take(less, 0, 9)
  t.throws(() => less.setSize(0, 8), says('a size of 8 after more bytes of entry 0'))
  const more = wanting(null)
  take(more, 0, 9)
  more.setSize(0, 10)
  t.throws(() => more.answer(0), says('a digest before the last byte of entry 0'))
  const twice = wanting(null)
  twice.setSize(0, 0)
  t.is(twice.setSize(0, 0), undefined, 'a later digest says it again')
  t.throws(() => twice.setSize(0, 1), says('a size of 1 after one of 0 of entry 0'))
  t.throws(() => wanting(3).setSize(0, 3), says('a size of 3 after one of 3 of entry 0'))
})

test('an attached offer goes on where the one before ended, and holds nothing up', (t) => {
  const plan = wanting(10, 'folder')
  take(plan, 0, 4)
  plan.add(offerOf([0, 20], plan.offers))
  t.is(plan.undecided, 2)
  t.is(take(plan, 4, 6), '0', 'the first offer goes on while nothing is decided about the second')
  t.is(plan.coming(2), undefined)
  plan.want(2)
  t.is(take(plan, 10, 20), '1-3')
  t.throws(() => plan.add(offerOf([1])), says('an offer that begins with entry 0'))
})

test('what is attached after everything came is found', (t) => {
  const plan = wanting(10)
  take(plan, 0, 10)
  plan.add(offerOf([20], plan.offers))
  t.is(plan.coming(), undefined)
  plan.want(1)
  t.is(plan.coming()?.entry.index, 1)
})

test('a rejected offer keeps its positions, and its entries get their outcomes', (t) => {
  const plan = offered(10)
  plan.skip(1)
  plan.close(0)
  plan.add(offerOf([20], plan.offers))
  plan.want(1)
  t.is(take(plan, 10, 20), '1')
  t.is(plan.closedEntries, 1)
  t.is(plan.wanted.closed, 0)
})

test('bytes of a closed file are late as long as its request is unanswered, and are thrown away', (t) => {
  const plan = wanting(10, 20)
  take(plan, 0, 4)
  plan.close(0)
  t.is(plan.coming()?.entry.index, 1, 'a sender goes on behind it')
  t.deepEqual(
    [...plan.take(4, 16)].map(({ first, length, isLate }) => ({ first, length, isLate })),
    [
      { first: 0, length: 6, isLate: true },
      { first: 1, length: 10, isLate: false },
    ],
  )
  t.is(plan.cameBytes, 14)
  t.false(plan.answer(0), 'nobody wants to know')
  t.throws(() => plan.answer(0), says('a digest that nobody waits for of entry 0'))
  t.throws(refused(plan, 0, 10), says('bytes at 0 after the outcome of entry 0'))
})

test('a closed file owes no digest', (t) => {
  const plan = wanting(10)
  plan.close(0)
  plan.ask(0, [{ start: 0, end: 10 }])
  t.is(plan.requestsOf(0), 0)
  plan.end()
  t.true(plan.isFinished)
})

test('claimed bytes do not come, but are proved or asked for', (t) => {
  const plan = offered(10)
  plan.claim([{ start: 0, end: 6 }])
  t.deepEqual(plan.claimed(0), [{ start: 0, end: 6 }])
  t.deepEqual(plan.coming(), { entry: plan.entries[0]!, start: 6, end: 10 })
  take(plan, 6, 4)
  plan.prove(0, [{ start: 0, end: 4 }])
  t.is(plan.provedBytes, 4)
  t.true(plan.answer(0))
  t.deepEqual(plan.missing(0), [{ start: 4, end: 6 }])
  plan.ask(0, plan.missing(0))
  t.is(take(plan, 4, 2), '0')
  t.true(plan.isThere(0))
  t.is(plan.wantedBytes, plan.cameBytes + plan.provedBytes)
  t.throws(() => plan.prove(0, [{ start: 0, end: 1 }]), says('proof of bytes that nobody claimed of entry 0'))
})

test('bytes that are only to be proved are refused', (t) => {
  const plan = offered(10)
  plan.claim([{ start: 0, end: 10 }])
  t.throws(refused(plan, 0, 10), says('bytes at 0 that are only to be proved, of entry 0'))
})

test('only bytes that a file has are claimed and asked for', (t) => {
  const outside = saysOfCaller('a range from 5 to 11, which are not bytes of entry 0')
  t.throws(() => offered(10).claim([{ start: 5, end: 11 }]), outside)
  t.throws(() => wanting(10).ask(0, [{ start: 5, end: 11 }]), outside)
  t.throws(
    () => offered('folder').claim([]),
    saysOfCaller('something that can be said only of files, about entry 0'),
  )
  t.throws(() => wanting(10).ask(1), saysOfCaller('something about entry 1, of 1 that were offered'))
  const skipping = offered(10)
  skipping.skip(1)
  t.throws(() => skipping.ask(0), saysOfCaller('a request for bytes that nobody wanted before, of entry 0'))
})

test('after a failure no byte of the file comes, and what is missing can be asked for', (t) => {
  const plan = wanting(10)
  take(plan, 0, 4)
  t.true(plan.answer(0, true))
  t.is(plan.coming(), undefined)
  t.deepEqual(plan.missing(0), [{ start: 4, end: 10 }])
  plan.ask(0, plan.missing(0))
  t.is(take(plan, 4, 6), '0')
  t.true(plan.answer(0))
  const other = wanting(10)
  other.answer(0, true)
  t.throws(refused(other, 0, 10), says('bytes at 0 that were given up, of entry 0'))
})

test('a failure does not take away what a later request asks for', (t) => {
  const plan = wanting(10)
  take(plan, 0, 4)
  // this request is on its way to the sender while the failure is on its way to us
  plan.ask(0, [{ start: 0, end: 2 }])
  plan.answer(0, true)
  t.is(take(plan, 0, 2), '0')
  t.true(plan.answer(0), 'the bytes that failed need not be there')
  t.deepEqual(plan.missing(0), [{ start: 4, end: 10 }])
})

test('each request is answered once, and only the last answer needs all bytes', (t) => {
  const plan = wanting(10)
  take(plan, 0, 10)
  plan.ask(0, [{ start: 0, end: 5 }])
  t.is(plan.requestsOf(0), 2)
  t.true(plan.answer(0))
  t.true(plan.isOpen(0))
  take(plan, 0, 5)
  t.true(plan.answer(0))
  t.false(plan.isOpen(0))
  t.throws(() => plan.answer(0, true), says('a failure that nobody waits for of entry 0'))
})

test('at a sender it is the peer that asks, and the caller that sends', (t) => {
  const plan = new Plan('asks')
  plan.add(offerOf([10]))
  t.throws(() => plan.want(2), says('an answer about entry 1, of 1 that were offered'))
  plan.want(1)
  t.throws(
    () => plan.ask(0, [{ start: 5, end: 11 }]),
    says('a range from 5 to 11, which are not bytes of entry 0'),
  )
  t.throws(refused(plan, 5, 10), saysOfCaller('bytes at 10, beyond the end of the offer'))
  t.throws(() => plan.end(), saysOfCaller('the end before the digest of entry 0'))
})

test('a peer cannot ask for a file without an end', (t) => {
  const plan = wanting(10)
  for (let i = 1; i < 255; i++) plan.ask(0)
  t.throws(() => plan.ask(0), saysOfCaller('too many requests for entry 0'))
})
