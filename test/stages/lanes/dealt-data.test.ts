import test from 'ava'
import fc from 'fast-check'
import { DealtData } from '../../../lib/stages/lanes/dealt-data.js'
import { Plan } from '../../../lib/transfer/plan.js'
import { offerOf } from '../../helpers/plan-model.js'
import { scale } from '../../helpers/scale.js'

/** A lane: what was given to it, and what the receiver has not taken yet; `came` is what it has taken. */
interface Way {
  dealt: DealtData
  underway: { position: number; length: number }[]
  came: number
}

/** A sender that deals out what is wanted, and a receiver that takes it, each byte once. */
class Dealing {
  readonly sender = new Plan('asks')
  readonly receiver = new Plan()
  readonly ways: Way[] = []

  constructor(sizes: readonly number[], ways: number) {
    for (const plan of [this.sender, this.receiver]) {
      plan.add(offerOf(sizes))
      plan.want(sizes.length)
      plan.hasLanes = true
    }
    for (let n = 0; n < ways; n++) this.open()
  }

  open(): void {
    this.ways.push({ dealt: new DealtData(), underway: [], came: 0 })
  }

  /** Gives some of what is wanted to a way. */
  deal({ dealt, underway }: Way, most: number): void {
    const next = this.sender.coming()
    if (!next) return
    const length = Math.min(most, next.end - next.start)
    const span = { first: next.entry.index, position: next.entry.start + next.start, length }
    for (const { isLate } of this.sender.take(span.position, length)) if (isLate) throw new Error('late')
    dealt.deal(span)
    underway.push({ position: span.position, length })
  }

  /** The receiver takes some of what is underway, which must be wanted, and the sender hears of it. */
  bring(way: Way, most: number, isTold: boolean): void {
    const next = way.underway[0]
    if (!next) return
    const length = Math.min(most, next.length)
    for (const { isLate } of this.receiver.take(next.position, length)) if (isLate) throw new Error('twice')
    next.position += length
    next.length -= length
    way.came += length
    if (next.length === 0) way.underway.shift()
    if (isTold) way.dealt.heard(way.came)
  }

  /** A way is lost: the receiver says what came over it. */
  lose(way: Way): void {
    this.ways.splice(this.ways.indexOf(way), 1)
    way.dealt.heard(way.came)
    for (const span of way.dealt.rest()) this.sender.takeBack(span)
  }
}

const turn = fc.record({
  what: fc.constantFrom('deal', 'deal', 'deal', 'bring', 'bring', 'tell', 'lose', 'open'),
  way: fc.nat(5),
  most: fc.integer({ min: 1, max: 40 }),
})

test('all that is wanted is dealt out and comes, and nothing twice but what its connection had lost', (t) => {
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 })
  const all = fc.property(
    sizes,
    fc.integer({ min: 1, max: 4 }),
    fc.array(turn, { maxLength: 200 }),
    (...given) => {
      const [files, count, turns] = given
      const dealing = new Dealing(files, count)
      const { sender, receiver } = dealing
      for (const { what, way: number, most } of turns) {
        const way = dealing.ways[number % dealing.ways.length]!
        if (what === 'deal') dealing.deal(way, most)
        else if (what === 'bring' || what === 'tell') dealing.bring(way, most, what === 'tell')
        else if (what === 'lose' && dealing.ways.length > 1) dealing.lose(way)
        else if (what === 'open') dealing.open()
        // what is not there yet is to be dealt out, or underway
        const underway = dealing.ways
          .flatMap((one) => one.underway)
          .reduce((sum, { length }) => sum + length, 0)
        if (receiver.left() !== sender.left() + underway) return false
        if (
          dealing.ways.some(
            (one) => one.dealt.underway < one.underway.reduce((sum, { length }) => sum + length, 0),
          )
        )
          return false
      }
      while (sender.coming()?.end) {
        if (sender.left() === 0) break
        dealing.deal(dealing.ways[0]!, 7)
      }
      for (const way of dealing.ways) while (way.underway.length > 0) dealing.bring(way, 5, true)
      return receiver.left() === 0 && receiver.cameBytes === files.reduce((sum, size) => sum + size, 0)
    },
  )
  fc.assert(all, { numRuns: scale(300, 10_000) })
  t.pass()
})

test('a peer that has more than was sent, or less than before, is refused', (t) => {
  const dealt = new DealtData()
  dealt.deal({ first: 0, position: 0, length: 10 })
  dealt.heard(4)
  t.is(dealt.underway, 6)
  for (const wrong of [3, 11]) t.throws(() => dealt.heard(wrong), { code: 'ERR_PROTOCOL' })
  t.deepEqual(dealt.rest(), [{ first: 0, position: 4, length: 6 }])
})
