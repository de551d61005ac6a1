import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { SluiceError } from '../../lib/errors.js'
import type { Range } from '../../lib/ranges.js'
import type { Piece } from '../../lib/transfer/plan/pieces.js'
import { Plan } from '../../lib/transfer/plan.js'
import { type Kind, offerOf, PlanModel, UNKNOWN } from '../helpers/plan-model.js'
import { scale } from '../helpers/scale.js'

/**
 * One step of a history. The numbers are made to fit what is there when the step is taken, so that a history stays one
 * when steps are left out of it: that is how fast-check finds the shortest that fails.
 */
interface Step {
  op:
    | 'add'
    | 'skip'
    | 'want'
    | 'claim'
    | 'ask'
    | 'prove'
    | 'take'
    | 'pass'
    | 'setSize'
    | 'answer'
    | 'close'
    | 'end'
  kinds: Kind[]
  a: number
  b: number
  c: number
  ranges: Range[]
  /** Whether the step is also taken if it must be refused. Then the history ends. */
  dares: boolean
}

const kind = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom<Kind>('folder', 'link', 0) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 7 }) },
)
const op = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom<Step['op']>('add', 'skip', 'claim', 'pass', 'prove', 'close') },
  { weight: 3, arbitrary: fc.constantFrom<Step['op']>('want', 'ask', 'answer', 'setSize') },
  { weight: 4, arbitrary: fc.constant<Step['op']>('take') },
  { weight: 1, arbitrary: fc.constant<Step['op']>('end') },
)
const range = fc.tuple(fc.nat(7), fc.nat(8)).map(([start, length]) => ({ start, end: start + length }))
const step: fc.Arbitrary<Step> = fc.record({
  op,
  kinds: fc
    .tuple(fc.array(kind, { maxLength: 7 }), fc.integer({ min: 0, max: 3 }))
    .map(([kinds, last]) => (last === 0 ? [...kinds, null] : kinds)),
  a: fc.nat(1000),
  b: fc.nat(1000),
  c: fc.nat(1000),
  ranges: fc.array(range, { maxLength: 3 }),
  dares: fc.nat(79).map((n) => n === 0),
})

/** A plan and its model, side by side. */
class Pair {
  readonly plan = new Plan()
  readonly model = new PlanModel()
  /** How often each step was taken, and how often it was refused. */
  readonly counts: Map<string, number>

  constructor(counts: Map<string, number>) {
    this.counts = counts
  }

  /** @returns whether the history goes on */
  step(step: Step): boolean {
    const [change, refusal] = this.#prepare(step)
    if (refusal !== undefined && !step.dares) return true
    const name = refusal === undefined ? step.op : `${step.op} refused`
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
    if (refusal !== undefined) {
      assert.throws(change, (error) => {
        assert(error instanceof SluiceError)
        const isOurs = ['want', 'skip', 'claim', 'ask'].includes(step.op)
        assert.equal(error.code, isOurs ? 'ERR_STATE' : 'ERR_PROTOCOL')
        assert(error.message.includes(refusal), `"${error.message}" should say "${refusal}"`)
        return true
      })
      return false
    }
    change()
    this.compare(step)
    return true
  }

  /** Changes the model; gives the same change for the plan, and what it must be refused with. */
  #prepare({ op, kinds, a, b, c, ranges }: Step): [() => void, string | undefined] {
    const { plan, model } = this
    const index = this.#choose(op, a)
    const left = model.entries.length - model.undecided
    const count = c % 16 ? Math.min(left, 1 + (a % 8)) : a % 8
    switch (op) {
      case 'add': {
        // the reader of manifests allows nothing behind an entry of unknown size
        if (model.hasUnknown) return [() => {}, undefined]
        const offer = offerOf(kinds, model.offers)
        return [() => plan.add(offer), model.add(offer)]
      }
      case 'skip':
        return [() => plan.skip(count >> 1), model.decide(count >> 1, 'skipped')]
      case 'want':
        return [() => plan.want(count), model.decide(count, 'wanted')]
      case 'claim': {
        const fit = this.#fit(model.undecided, ranges)
        return [() => plan.claim(fit), model.claim(fit)]
      }
      case 'ask': {
        const fit = this.#fit(index, ranges)
        // some of them to be sent, some to be proved; they may overlap
        const [send, prove] = [fit.slice(b % 4), fit.slice(0, c % 4)]
        return [() => plan.ask(index, send, prove), model.ask(index, send, prove)]
      }
      case 'prove': {
        const claimed = model.entries[index] ? model.ranges(index, 'claimed') : []
        const proved = b % 3 > 0 ? claimed.filter(({ end }) => end < 1000) : this.#fit(index, ranges)
        return [() => plan.prove(index, proved), model.prove(index, proved)]
      }
      case 'take':
        return this.#take(a, b, c)
      case 'pass':
        return [() => this.#pass(a % 2 ? undefined : b % (model.entries.length + 1), 1 + (c % 5)), undefined]
      case 'setSize': {
        const size = model.entries[index]?.bytes.lastIndexOf('there') ?? 0
        const said = b % 8 ? size + 1 : c % UNKNOWN
        const wasKnown = model.entries[index]?.size
        const refusal = model.setSize(index, said)
        return [() => this.#setSize(index, said, wasKnown === null), refusal]
      }
      case 'answer': {
        const wasClosed = model.entries[index]?.isClosed
        const refusal = model.answer(index, b % 4 === 0)
        return [() => assert.equal(plan.answer(index, b % 4 === 0), !wasClosed), refusal]
      }
      case 'close': {
        if (model.entries.length === 0) return [() => {}, undefined]
        model.close(index)
        return [() => plan.close(index), undefined]
      }
      case 'end':
        return [() => plan.end(), model.finish()]
    }
  }

  /** An entry that the step probably fits. */
  #choose(op: Step['op'], a: number): number {
    const { entries } = this.model
    const fits = entries.flatMap((entry, index) => {
      const { isFile, wasUnknown, bytes, requests, decision, isClosed } = entry
      if (op === 'ask') return isFile && decision === 'wanted' && !isClosed ? [index] : []
      if (op === 'prove') return bytes.includes('claimed') ? [index] : []
      if (op === 'setSize') return wasUnknown ? [index] : []
      if (op === 'answer') return requests > 0 && (!bytes.includes('coming') || a % 2) ? [index] : []
      return [index]
    })
    return a % 16 === 0 || fits.length === 0
      ? (a % (entries.length + 1)) % Math.max(entries.length, 1)
      : fits[a % fits.length]!
  }

  /** Ranges that the entry has, most of the time. */
  #fit(index: number, ranges: readonly Range[]): Range[] {
    const entry = this.model.entries[index]
    if (entry === undefined) return [...ranges]
    const size = entry.size ?? UNKNOWN - 1
    return ranges.flatMap(({ start, end }) => {
      if (end - start === 8 && start === 7) return [{ start, end }]
      if (size === 0) return [{ start: 0, end: end % 2 }]
      const from = start % size
      return [{ start: from, end: Math.min(size, Math.max(end, from + 1)) }]
    })
  }

  /** Bytes that are to come, or any. */
  #take(a: number, b: number, c: number): [() => void, string | undefined] {
    const { model } = this
    const end = model.end + (model.hasUnknown ? UNKNOWN - 8 : 2)
    const isDue = ({ isClosed, requests, bytes }: (typeof model.entries)[number], byte: number) =>
      isClosed ? requests > 0 : bytes[byte] === 'coming'
    const due = model.entries.flatMap((entry) =>
      entry.bytes.flatMap((_, byte) =>
        isDue(entry, byte) && byte < (entry.size ?? UNKNOWN - 8) ? [entry.start + byte] : [],
      ),
    )
    const position = c % 8 === 0 || due.length === 0 ? a % (end + 1) : a % 2 ? due[0]! : due[a % due.length]!
    let length = 1 + (b % 12)
    // most of the time only as many as are to come
    if (c % 8 > 1) {
      const isTaken = new Set(due)
      let fits = 1
      while (fits < length && isTaken.has(position + fits)) fits++
      length = fits
    }
    length = Math.min(length, model.end + UNKNOWN - 1 - position)
    const refusal = model.take(position, length)
    return [() => this.#taken(position, length, 1 + (c % 5)), refusal]
  }

  #taken(position: number, length: number, most: number): void {
    const { plan, model } = this
    let at = position
    for (const piece of plan.take(position, length, { entries: most })) {
      if (piece.length > 0) assert.equal(piece.position, at, 'bytes are left out, or there twice')
      assert.equal(model.took(piece, most), undefined, JSON.stringify(piece))
      assert(!model.isAnyDueBelow(piece.first), 'an entry of no bytes is after one that follows it')
      at += piece.length
    }
    assert.equal(at, position + length, 'not all bytes are in pieces')
  }

  #pass(index: number | undefined, most: number): void {
    const { plan, model } = this
    const end = index ?? model.entries.length
    for (const piece of plan.pass(index, { entries: most })) {
      assert.equal(piece.length, 0)
      assert(piece.last < end)
      assert.equal(model.took(piece, most), undefined, JSON.stringify(piece))
    }
    assert(!model.isAnyDueBelow(end))
  }

  #setSize(index: number, size: number, wasUnknown: boolean): void {
    const found = this.plan.setSize(index, size)
    const { start, isClosed } = this.model.entries[index]!
    const piece: Piece = {
      position: start + size,
      length: 0,
      first: index,
      last: index,
      offset: size,
      ends: true,
      isLate: false,
    }
    assert.deepEqual(found, isClosed || !wasUnknown ? undefined : piece)
  }

  /** Every answer of the plan is that of the model. */
  compare({ a, b, c }: { a: number; b: number; c: number }): void {
    const { plan, model } = this
    const { entries } = model
    same(plan.entries.length, entries.length, 'entries')
    same(plan.undecided, model.undecided, 'undecided')
    same(plan.isEnded, model.isEnded, 'isEnded')
    const closed = model.wanted.filter(({ isClosed }) => isClosed)
    const others = (some: typeof closed) => some.filter(({ isFile }) => !isFile).length
    same(plan.wanted.entries, model.wanted.length, 'wanted')
    same(plan.wanted.closed, closed.length, 'the wanted ones that are closed')
    same(plan.wanted.others, others(model.wanted), 'wanted folders and links')
    same(plan.wanted.closedOthers, others(closed), 'wanted folders and links that are closed')
    same(plan.wantedBytes, model.wantedBytes, 'wantedBytes')
    same(plan.closedEntries, entries.filter(({ isClosed }) => isClosed).length, 'closedEntries')
    same(plan.cameBytes, model.cameBytes, 'cameBytes')
    same(plan.provedBytes, model.provedBytes, 'provedBytes')
    same(plan.isFinished, model.isEnded && entries.every(({ isClosed }) => isClosed), 'isFinished')
    const again = entries.flatMap(({ isAskedAgain, isClosed }, i) => (isAskedAgain && !isClosed ? i : []))
    same(Array.from(plan.askedAgain()).join(), again.join(), 'askedAgain')
    for (const [index, entry] of entries.entries()) {
      const { size, bytes, decision, isClosed, requests } = entry
      same(plan.isWanted(index), decision === 'wanted', 'isWanted')
      same(plan.isSkipped(index), decision === 'skipped', 'isSkipped')
      same(plan.isClosed(index), isClosed, 'isClosed')
      same(plan.requestsOf(index), isClosed ? 0 : requests, 'requestsOf')
      same(plan.isOpen(index), !isClosed && requests > 0, 'isOpen')
      same(plan.isAskedAgain(index), entry.isAskedAgain && !isClosed, 'isAskedAgain')
      same(
        plan.isComing(index),
        bytes.every((state) => state === 'coming'),
        'isComing',
      )
      same(plan.isThere(index), bytes.every((state) => state === 'there') && size !== null, 'isThere')
      if (size !== null) same(plan.left(index), model.comingOf(index), 'left')
      const start = (a + index) % bytes.length
      const end = start + 1 + ((b + index) % (bytes.length - start))
      const states = bytes.slice(start, end)
      same(
        plan.isComing(index, start, end),
        states.every((state) => state === 'coming'),
        'isComing',
      )
      same(
        plan.isThere(index, start, end),
        states.every((state) => state === 'there'),
        'isThere',
      )
      same(
        plan.isKnown(index, start, end),
        states.every((state) => state === 'there' || state === 'claimed'),
        'isKnown',
      )
      sameRanges(plan.missing(index), model.ranges(index, 'absent', 'claimed'))
      sameRanges(plan.claimed(index), model.ranges(index, 'claimed'))
    }
    if (!model.hasUnknown) same(plan.left(), sum(entries.map((_, index) => model.comingOf(index))), 'left')
    const from = c % (entries.length + 1)
    this.#compareFirst('coming', 0, plan.coming())
    this.#compareFirst('coming', from, plan.coming(from))
    this.#compareFirst('claimed', 0, plan.toProve())
    this.#compareFirst('claimed', from, plan.toProve(from))
  }

  /** The first bytes in a state from an entry on. */
  #compareFirst(state: 'coming' | 'claimed', from: number, found: ReturnType<Plan['coming']>): void {
    const index = this.model.entries.findIndex(({ bytes }, i) => i >= from && bytes.includes(state))
    same(found?.entry.index, index < 0 ? undefined : index, state)
    if (found)
      sameRanges([{ start: found.start, end: found.end }], this.model.ranges(index, state).slice(0, 1))
  }
}

// much faster than those of node:assert, which matters: they are asked some hundred million times in the long run
function same(found: unknown, expected: unknown, what: string): void {
  if (!Object.is(found, expected)) assert.fail(`${what} is ${found}, and should be ${expected}`)
}

function sameRanges(found: Range[], expected: Range[]): void {
  const text = (ranges: Range[]) => ranges.map(({ start, end }) => `${start}-${end}`).join()
  if (found.length > 0 || expected.length > 0) same(text(found), text(expected), 'ranges')
}

test('whatever is done with a plan, it says what a list of all bytes would say', (t) => {
  const counts = new Map<string, number>()
  const runs = scale(1_000, 100_000)
  fc.assert(
    fc.property(fc.array(step, { minLength: 12, maxLength: 60, size: 'max' }), (steps) => {
      const pair = new Pair(counts)
      const first: Step = {
        op: 'add',
        kinds: [3, 'folder', 0, 5],
        a: 0,
        b: 0,
        c: 0,
        ranges: [],
        dares: false,
      }
      pair.step({ ...first, kinds: steps[0]!.kinds })
      for (const step of steps) if (!pair.step(step)) return
    }),
    { numRuns: runs, includeErrorInReport: true },
  )
  t.log(
    [...counts]
      .sort()
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
  )
  for (const op of [
    'add',
    'skip',
    'want',
    'claim',
    'ask',
    'prove',
    'take',
    'pass',
    'setSize',
    'answer',
    'close',
    'end',
  ])
    t.true((counts.get(op) ?? 0) > runs / 40, op)
})

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}
