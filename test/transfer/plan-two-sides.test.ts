import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import type { Range } from '../../lib/ranges.js'
import { Plan } from '../../lib/transfer/plan.js'
import { type Kind, offerOf } from '../helpers/plan-model.js'
import { scale } from '../helpers/scale.js'

/** What the two sides say to each other. It arrives in order, but later. */
type ToSender =
  | { say: 'want' | 'skip'; count: number }
  | { say: 'claim'; ranges: Range[] }
  | { say: 'ask'; index: number; ranges: Range[]; claimed: Range[] }
  | { say: 'outcome'; index: number }
type ToReceiver =
  | { say: 'data'; position: number; length: number }
  | { say: 'blocks'; index: number; ranges: Range[] }
  | { say: 'digest'; index: number; failed: boolean; size: number | null }
  | { say: 'end' }

/** Bytes that a file has whose size is not known beforehand. */
const REAL_SIZE = 5

/**
 * A sender and a receiver that keep to the protocol, and hear of each other with delays. Who acts next, and how, comes
 * from outside as numbers.
 */
class TwoSides {
  readonly sender = new Plan()
  readonly receiver = new Plan()
  readonly #toSender: ToSender[] = []
  readonly #toReceiver: ToReceiver[] = []
  /** What the sender has sent of the file of unknown size. */
  #read = 0

  constructor(kinds: readonly Kind[]) {
    const offer = offerOf(kinds)
    this.sender.add(offer)
    this.receiver.add(offer)
  }

  act(actor: number, n: number): void {
    const index = n % this.receiver.entries.length
    if (actor === 0) this.#decide(n)
    else if (actor === 1) this.#askAgain(index, n)
    else if (actor === 2 && n % 3 === 0) this.#close(index)
    else if (actor === 3 && n % 3 === 0) this.#answer(index, true)
    else if (actor <= 6) this.#send(n)
    else if (actor <= 8) this.#senderHears()
    else this.#receiverHears()
  }

  /** Everything is said, sent and heard, and each entry gets its outcome. */
  finish(): void {
    const { receiver, sender } = this
    while (receiver.undecided < receiver.entries.length) this.#decide(1)
    do {
      all(() => this.#senderHears())
      all(() => this.#send(1000))
      all(() => this.#receiverHears())
      // what a failure left out is asked for again, and so is what was claimed and is not the same
      for (const { index } of receiver.entries)
        if (
          receiver.isWanted(index) &&
          !receiver.isOpen(index) &&
          !receiver.isThere(index) &&
          !receiver.isClosed(index)
        ) {
          assert.equal(receiver.entries[index]!.type, 'file')
          this.#ask(index, receiver.missing(index))
        }
    } while (this.#toSender.length > 0)
    assert(receiver.isEnded)
    for (const { index } of receiver.entries) {
      assert(receiver.isThere(index) || !receiver.isWanted(index) || receiver.isClosed(index))
      // of files of no bytes nothing travels that the sender could know by
      if (receiver.entries[index]!.size === 0) continue
      // a failure may have left out the proof of what the receiver has
      assert.equal(sender.isThere(index) || sender.claimed(index).length > 0, receiver.isThere(index))
    }
    for (const { index } of receiver.entries)
      assert.equal(sender.requestsOf(index), receiver.requestsOf(index))
    assert.equal(receiver.coming(), undefined)
    for (const { index } of receiver.entries) this.#close(index)
    all(() => this.#senderHears())
    assert(receiver.isFinished)
    assert(sender.isFinished)
    for (const what of ['undecided', 'wanted', 'closedEntries'] as const)
      assert.deepEqual(sender[what], receiver[what])
  }

  #decide(n: number): void {
    const { receiver } = this
    const left = receiver.entries.length - receiver.undecided
    if (left === 0) return
    const { type, size } = receiver.entries[receiver.undecided]!
    const count = Math.min(left, 1 + (n % 4))
    if (n % 5 === 0) {
      receiver.skip(count)
      this.#toSender.push({ say: 'skip', count })
    } else if (n % 5 === 1 && type === 'file' && size) {
      const start = n % size
      const ranges = [{ start, end: start + 1 + ((n >> 3) % (size - start)) }]
      receiver.claim(ranges)
      this.#toSender.push({ say: 'claim', ranges })
    } else {
      receiver.want(count)
      this.#toSender.push({ say: 'want', count })
    }
  }

  /** Asks for bytes that are there, for proof of them, or for a digest only; never for bytes that are on their way. */
  #askAgain(index: number, n: number): void {
    const { receiver } = this
    const { type, size } = receiver.entries[index]!
    if (type !== 'file' || !receiver.isWanted(index) || receiver.isClosed(index)) return
    const start = n % (size || 1)
    const range = { start, end: start + 1 }
    const isThere = size && receiver.isThere(index, start, start + 1)
    this.#ask(
      index,
      isThere && n % 2 === 0 ? [range] : [],
      isThere && n % 4 !== 0 ? this.#others(index, n) : [],
    )
  }

  /** Another byte of a file, if it is there. */
  #others(index: number, n: number): Range[] {
    const at = (n >> 4) % this.receiver.entries[index]!.size!
    return at !== n % this.receiver.entries[index]!.size! && this.receiver.isThere(index, at, at + 1)
      ? [{ start: at, end: at + 1 }]
      : []
  }

  #ask(index: number, ranges: Range[], claimed: Range[] = []): void {
    if (this.receiver.requestsOf(index) > 100) return
    // what is to be proved again is there for the receiver all the same
    this.receiver.ask(index, ranges)
    this.#toSender.push({ say: 'ask', index, ranges: ranges.filter(({ end }) => end > 0), claimed })
  }

  #close(index: number): void {
    if (this.receiver.isClosed(index) || index >= this.receiver.undecided) return
    this.receiver.close(index)
    this.#toSender.push({ say: 'outcome', index })
  }

  /** @returns whether there was anything to hear */
  #senderHears(): boolean {
    const { sender } = this
    const message = this.#toSender.shift()
    if (message === undefined) return false
    if (message.say === 'want') sender.want(message.count)
    if (message.say === 'skip') sender.skip(message.count)
    if (message.say === 'claim') sender.claim(message.ranges)
    if (message.say === 'ask') sender.ask(message.index, message.ranges, message.claimed)
    if (message.say === 'outcome') sender.close(message.index)
    return true
  }

  /** Sends what is to come first, or an answer, or the end. @returns whether there was anything to send */
  #send(n: number): boolean {
    const { sender } = this
    const coming = sender.coming()
    const open = sender.entries.find(({ index }) => sender.isOpen(index) && !this.#isComing(index))
    if (open && (n % 2 === 0 || coming === undefined)) this.#answer(open.index, false)
    else if (coming === undefined) return this.#sendEnd()
    else if (coming.entry.size === 0) {
      const pieces = [...sender.pass(coming.entry.index + 1)]
      assert(pieces.length > 0)
    } else if (coming.entry.size === null && coming.start >= REAL_SIZE)
      this.#answer(coming.entry.index, false)
    else this.#sendData(coming, n)
    return true
  }

  #isComing(index: number): boolean {
    return this.sender.coming(index)?.entry.index === index
  }

  #sendData(
    {
      entry,
      start,
      end,
    }: { entry: { index: number; start: number; size: number | null }; start: number; end: number },
    n: number,
  ): void {
    const { sender } = this
    const most = 1 + (n % 9)
    const position = entry.start + start
    let length = Math.min(most, end - start, entry.size === null ? REAL_SIZE - start : most)
    // goes on with the files behind, as far as all of their bytes are to come
    for (
      let next = sender.coming(entry.index + 1);
      next && length < most;
      next = sender.coming(next.entry.index + 1)
    ) {
      if (next.entry.size === null || next.entry.start + next.start !== position + length) break
      length += Math.min(most - length, next.end - next.start)
    }
    for (const piece of sender.take(position, length)) {
      if (piece.length === 0) continue
      assert(!piece.isLate)
      this.#toReceiver.push({ say: 'data', position: piece.position, length: piece.length })
    }
    if (entry.size === null) this.#read = Math.max(this.#read, start + length)
  }

  #answer(index: number, isBroken: boolean): void {
    const { sender } = this
    if (!sender.isOpen(index)) return
    const isUnknown = sender.entries[index]!.size === null
    const failed = isBroken || (isUnknown && this.#read < REAL_SIZE)
    const size = isUnknown && !failed ? this.#read : null
    if (!failed) {
      // some of what is claimed turns out to be the same, and all of what is proved again
      const ranges = sender.claimed(index).map(({ start, end }) => ({
        start,
        end: sender.isAskedAgain(index) ? end : start + Math.ceil((end - start) / 2),
      }))
      sender.prove(index, ranges)
      this.#toReceiver.push({ say: 'blocks', index, ranges })
    }
    if (size !== null) sender.setSize(index, size)
    if (sender.answer(index, failed)) this.#toReceiver.push({ say: 'digest', index, failed, size })
  }

  #sendEnd(): boolean {
    const { sender } = this
    if (sender.isEnded || sender.undecided < sender.entries.length) return false
    sender.end()
    this.#toReceiver.push({ say: 'end' })
    return true
  }

  #receiverHears(): boolean {
    const { receiver } = this
    const message = this.#toReceiver.shift()
    if (message === undefined) return false
    if (message.say === 'data') all(receiver.take(message.position, message.length))
    if (message.say === 'blocks')
      for (const { start, end } of message.ranges)
        for (let at = start; at < end; at++)
          if (receiver.isKnown(message.index, at, at + 1) && !receiver.isThere(message.index, at, at + 1))
            receiver.prove(message.index, [{ start: at, end: at + 1 }])
    if (message.say === 'digest') {
      // an empty file that failed does not come
      all(receiver.pass(message.failed ? message.index : message.index + 1))
      if (message.size !== null) receiver.setSize(message.index, message.size)
      receiver.answer(message.index, message.failed)
    }
    if (message.say === 'end') {
      all(receiver.pass())
      receiver.end()
    }
    return true
  }
}

/** Does something as long as there is anything to do, or takes all that there is. */
function all(what: (() => boolean) | Iterable<unknown>): void {
  if (typeof what === 'function') while (what());
  else for (const _ of what);
}

const kind = fc.oneof(fc.constantFrom<Kind>('folder', 'link', 0), fc.integer({ min: 1, max: 9 }))
const kinds = fc
  .tuple(fc.array(kind, { minLength: 1, maxLength: 12 }), fc.boolean())
  .map(([kinds, isLastUnknown]) => (isLastUnknown ? [...kinds, null] : kinds))
const acts = fc.array(fc.tuple(fc.nat(11), fc.nat(1000)), { maxLength: 150, size: 'max' })

test('two sides that keep to the protocol never refuse each other, whatever crosses on the way, and end alike', (t) => {
  fc.assert(
    fc.property(kinds, acts, (kinds, acts) => {
      const sides = new TwoSides(kinds)
      for (const [actor, n] of acts) sides.act(actor, n)
      sides.finish()
    }),
    { numRuns: scale(500, 50_000), includeErrorInReport: true },
  )
  t.pass()
})

test('the pieces of a sender, fed to a receiver, bring it into the same state', (t) => {
  fc.assert(
    fc.property(kinds, fc.array(fc.nat(1000), { minLength: 1, maxLength: 20 }), (kinds, numbers) => {
      const sides = new TwoSides(kinds)
      for (const n of numbers) sides.act(0, n)
      sides.finish()
      const { sender, receiver } = sides
      t.is(sender.cameBytes, receiver.cameBytes)
      t.is(sender.provedBytes, receiver.provedBytes)
      t.is(sender.wantedBytes, receiver.wantedBytes)
    }),
    { numRuns: scale(200, 10_000), includeErrorInReport: true },
  )
})
