import test from 'ava'
import fc from 'fast-check'
import { digestOf, prepareDigest } from '../../../lib/digest/digests.js'
import { Repairs } from '../../../lib/stages/finalizer/repairs.js'
import type { Part } from '../../../lib/stores/parts.js'
import { piecesOf, randomBySeed, randomContent } from '../../../lib/testing/splits.js'
import { Plan } from '../../../lib/transfer/plan.js'
import type { WantMessage } from '../../../lib/wire/messages.js'
import { offerOf } from '../../helpers/plan-model.js'
import { scale } from '../../helpers/scale.js'

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * 1024
/** 16 blocks, and one of a single byte. */
const CONTENT = randomContent(MIB + 1)
/** What stands where a block was damaged. */
const DAMAGED = Buffer.from(CONTENT)
for (let at = 0; at < DAMAGED.length; at += BLOCK) DAMAGED[at]! ^= 1
const [RIGHT, WRONG] = [CONTENT, DAMAGED].map((content) =>
  piecesOf(content, BLOCK).map((block) => digestOf('blake3', block)),
) as [Buffer[], Buffer[]]
const ALL = [...RIGHT.keys()]
const LAST = ALL.length - 1

test.before(() => prepareDigest('blocks'))

const numbersOf = (runs: readonly number[] = []) =>
  runs.flatMap((first, i) => (i % 2 ? [] : Array.from({ length: runs[i + 1]! }, (_, at) => first + at)))

/** A receiver of one file of 17 blocks, of which some are claimed, and what it asks for. */
class Played {
  readonly plan = new Plan()
  readonly entry = offerOf([CONTENT.length]).entries[0]!
  readonly wants: WantMessage[] = []
  readonly repairs: Repairs
  /** Whether each block stands as it should. */
  readonly isRight: boolean[]
  readonly #isByBlocks: boolean
  readonly part: Part = {
    write: () => {},
    publish: () => ({}),
    discard: () => {},
    read: (position, into) => {
      const isRight = this.isRight[Math.floor(position / BLOCK)]
      ;(isRight ? CONTENT : DAMAGED).copy(into, 0, position)
    },
  }

  constructor(algorithm = 'blocks', claimed: readonly (boolean | undefined)[] = []) {
    this.#isByBlocks = algorithm === 'blocks'
    this.isRight = ALL.map((at) => claimed[at] ?? false)
    this.plan.add(offerOf([CONTENT.length]))
    const there = ALL.filter((at) => claimed[at] !== undefined)
    if (there.length === 0) this.plan.want(1)
    else
      this.plan.claim(
        there.map((at) => ({ start: at * BLOCK, end: Math.min((at + 1) * BLOCK, CONTENT.length) })),
      )
    this.repairs = new Repairs({ plan: this.plan, want: (want) => this.wants.push(want) })
  }

  comes(at: number, isRight: boolean): void {
    const length = Math.min(BLOCK, CONTENT.length - at * BLOCK)
    for (const _ of this.plan.take(this.entry.start + at * BLOCK, length)) {
      // the plan wants them
    }
    this.isRight[at] = isRight
    if (!this.#isByBlocks) return
    this.repairs.note(this.entry, { kind: 'blocks', ...this.#blocks(at, isRight ? RIGHT : WRONG) })
  }

  async says(at: number, digests = RIGHT, part: Part | undefined = this.part): Promise<void> {
    await this.repairs.compare(
      this.entry,
      { kind: 'blocks', ...this.#blocks(at, digests), isSaid: true },
      part,
    )
  }

  /** Whether it is time to decide about the file. */
  hears(): boolean {
    this.plan.answer(0)
    return this.repairs.has(0) ? !this.repairs.isOwed(0) : !this.plan.isOpen(0)
  }

  /** Publishes the file, has it fail, or asks for more. */
  decides(): 'published' | 'failed' | 'asked' {
    const found = this.#isByBlocks ? this.repairs.digest(this.entry) : undefined
    const isEqual = found ? found.equals(digestOf('blocks', CONTENT)) : this.isRight.every((is) => is)
    const isRight = isEqual && !this.repairs.differs(this.entry)
    const ask = isRight ? undefined : this.repairs.mend(this.entry, false)
    if (ask) {
      ask()
      return 'asked'
    }
    this.plan.close(0)
    this.repairs.drop(0, 0)
    return isEqual ? 'published' : 'failed'
  }

  #blocks(at: number, digests: readonly Buffer[]) {
    return { index: 0, first: at, digests: digests[at]! }
  }
}

/** What a sender has still to say for a request. */
interface Request {
  send: number[]
  prove: number[]
}

interface Told {
  end: 'published' | 'failed'
  /** How often each block came, or was claimed; how often in a wrong state. */
  came: number[]
  wrong: number[]
  proofs: number
}

/**
 * Plays a file to its end: requests are served in any order, each with its record last and records in their order; what
 * is sent is damaged at random. Fails where the file is decided otherwise than at the record of the last request.
 */
async function play(
  algorithm: string,
  claimed: (boolean | undefined)[],
  seed: number,
  damage: number,
): Promise<Told> {
  const random = randomBySeed(seed)
  const played = new Played(algorithm, claimed)
  const isByBlocks = algorithm === 'blocks'
  const requests: Request[] = [
    {
      send: ALL.filter((at) => claimed[at] === undefined),
      prove: ALL.filter((at) => claimed[at] !== undefined),
    },
  ]
  const came = claimed.map((is) => (is === undefined ? 0 : 1))
  const wrong = claimed.map((is) => (is === false ? 1 : 0))
  let proofs = 0
  let heard = 0
  for (let step = 0; step < 1000; step++) {
    for (const { send, prove } of played.wants.splice(heard, played.wants.length)) {
      if (prove) proofs++
      requests.push({ send: numbersOf(send), prove: numbersOf(prove) })
    }
    heard = played.wants.length
    const busy = requests.filter(({ send, prove }) => send.length + prove.length > 0)
    const [first] = requests
    if (!first) throw new Error('the receiver waits, and nobody has anything to say')
    const canAnswer = first.send.length + first.prove.length === 0
    if (canAnswer && (busy.length === 0 || random() < 0.5)) {
      requests.shift()
      const decides = played.hears()
      if (decides !== (requests.length + played.wants.length - heard === 0))
        throw new Error(`decides: ${decides}, with ${requests.length} records to come`)
      if (!decides) continue
      const end = played.decides()
      if (end === 'asked') continue
      if (played.wants.length > heard || played.repairs.areOwed)
        throw new Error('it asked for more, and ended')
      return { end, came, wrong, proofs }
    }
    const request = busy[Math.floor(random() * busy.length)]!
    if (request.send.length > 0 && (request.prove.length === 0 || random() < 0.5)) {
      const at = request.send.shift()!
      const isRight = random() >= damage
      came[at]!++
      if (!isRight) wrong[at]!++
      played.comes(at, isRight)
      if (isByBlocks) await played.says(at)
    } else await played.says(request.prove.shift()!)
  }
  throw new Error('no end')
}

const STATE = fc.constantFrom(undefined, undefined, true, false)
/** Each block by itself; or three of them, the last one among them, where the others are all as one. */
const CLAIMED = fc.oneof(
  fc.array(STATE, { minLength: ALL.length, maxLength: ALL.length }),
  fc
    .tuple(STATE, STATE, STATE, fc.constantFrom(undefined, true))
    .map(([first, second, last, others]) =>
      ALL.map((at) => (at === 0 ? first : at === 1 ? second : at === LAST ? last : others)),
    ),
)

for (const algorithm of ['blocks', 'sha256'])
  test(`a file is decided at the record of the last request, and fails only if a block was wrong four times: ${algorithm}`, async (t) => {
    const ends = { published: 0, failed: 0 }
    await fc.assert(
      fc.asyncProperty(
        CLAIMED,
        fc.nat(),
        fc.constantFrom(0, 0.1, 0.4, 0.8),
        async (claimed, seed, damage) => {
          const { end, came, wrong, proofs } = await play(algorithm, claimed, seed, damage)
          ends[end]++
          for (const times of came) t.true(times <= 4, `${came}`)
          t.true(proofs <= 3, `${proofs}`)
          t.is(end === 'failed', wrong.includes(4), `${wrong} of ${came}`)
        },
      ),
      { numRuns: scale(150, 3000) },
    )
    t.true(ends.published > 10 && ends.failed > 5, JSON.stringify(ends))
  })

test('all blocks that differ are asked for at the record, three times, and then no more', async (t) => {
  const played = new Played()
  const differ = [0, 2, 3, LAST]
  for (const at of ALL) played.comes(at, !differ.includes(at))
  await played.repairs.compare(played.entry, {
    kind: 'blocks',
    index: 0,
    first: 0,
    digests: Buffer.concat(RIGHT),
    isSaid: true,
  })
  t.deepEqual(played.wants, [])
  t.true(played.hears())
  t.is(played.decides(), 'asked')
  t.deepEqual(played.wants, [{ index: 0, send: [0, 1, 2, 2, LAST, 1] }])
  for (let round = 1; round <= 3; round++) {
    for (const at of differ) {
      played.comes(at, false)
      await played.says(at)
    }
    t.true(played.hears())
    t.is(played.decides(), round < 3 ? 'asked' : 'failed')
  }
  t.is(played.wants.length, 3)
  t.false(played.repairs.areOwed)
})

test('where all blocks are what the sender says and its digest is not, the file fails: by blocks after one proof', (t) => {
  for (const algorithm of ['blocks', 'sha256']) {
    const { entry, repairs, plan, wants } = new Played(algorithm)
    for (const _ of plan.take(entry.start, CONTENT.length)) {
      // all of it came
    }
    plan.answer(0)
    repairs.mend(entry, false)!()
    t.deepEqual(wants, [{ index: 0, prove: [0, 17] }])
    // all proved, nothing differs
    plan.answer(0)
    t.false(repairs.isOwed(0))
    t.is(repairs.mend(entry, false), undefined)
  }
})

test('what a store cannot read, or fails to read, differs', async (t) => {
  const failing = { read: () => Promise.reject(new Error('EIO')) }
  for (const read of [{ read: undefined }, failing]) {
    const claimed = ALL.slice(0, LAST)
    const played = new Played(
      'blocks',
      claimed.map(() => true),
    )
    const part = { ...played.part, ...read } as Part
    for (const at of claimed) await played.says(at, RIGHT, part)
    t.true(played.repairs.differs(played.entry))
    t.is(played.plan.provedBytes, 0)
    played.comes(LAST, true)
    await played.says(LAST)
    t.true(played.hears())
    t.is(played.decides(), 'asked')
    t.deepEqual(played.wants, [{ index: 0, send: [0, LAST] }])
  }
})

test('what is claimed is proved by being equal, and only then', async (t) => {
  const played = new Played('blocks', [true, false, undefined])
  await played.says(0)
  t.is(played.plan.provedBytes, BLOCK)
  await played.says(1)
  t.is(played.plan.provedBytes, BLOCK)
  t.true(played.plan.isThere(0, 0, BLOCK))
  t.false(played.plan.isThere(0, BLOCK, 2 * BLOCK))
})

test('one message may say blocks that came and blocks that were claimed', async (t) => {
  const played = new Played(
    'blocks',
    ALL.map((at) => (at === 1 ? undefined : true)),
  )
  played.comes(1, true)
  const digests = Buffer.concat(RIGHT)
  const said = { kind: 'blocks', index: 0, first: 0, digests, isSaid: true } as const
  await played.repairs.compare(played.entry, said, played.part)
  t.true(played.plan.isThere(0))
  t.is(played.plan.provedBytes, CONTENT.length - BLOCK)
  t.deepEqual(played.wants, [])
})

test('more runs than a message holds are asked for by several, and the file is decided at the record of the last', async (t) => {
  // every second block of 2,050 differs: 1,025 runs
  const blocks = 2050
  const plan = new Plan()
  const offer = offerOf([blocks * BLOCK])
  const [entry] = offer.entries
  plan.add(offer)
  plan.want(1)
  for (const _ of plan.take(0, entry!.size!)) {
    // it comes
  }
  const wants: WantMessage[] = []
  const repairs = new Repairs({ plan, want: (want) => wants.push(want) })
  const [came, said] = [Buffer.alloc(32 * blocks, 1), Buffer.alloc(32 * blocks, 1)]
  for (let at = 0; at < blocks; at += 2) said.fill(2, 32 * at, 32 * (at + 1))
  repairs.note(entry!, { kind: 'blocks', index: 0, first: 0, digests: came })
  await repairs.compare(entry!, { kind: 'blocks', index: 0, first: 0, digests: said, isSaid: true })
  plan.answer(0)
  t.false(repairs.isOwed(0))
  repairs.mend(entry!, false)!()
  const runs = Array.from({ length: 1025 }, (_, i) => [2 * i, 1])
  t.deepEqual(wants, [
    { index: 0, send: runs.slice(0, 512).flat() },
    { index: 0, send: runs.slice(512, 1024).flat() },
    { index: 0, send: runs.slice(1024).flat() },
  ])
  for (const [first] of runs)
    for (const _ of plan.take(first! * BLOCK, BLOCK)) {
      // they come again
    }
  plan.answer(0)
  t.true(repairs.isOwed(0))
  plan.answer(0)
  t.true(repairs.isOwed(0))
  plan.answer(0)
  t.false(repairs.isOwed(0))
})

test('a file of one block, and all of one whose store takes bytes in ascending order only, comes again as a whole', (t) => {
  for (const [size, isFresh, send] of [
    [1000, false, [0, 1]],
    [MIB, false, [0, 1]],
    [CONTENT.length, true, [0, 17]],
  ] as const) {
    const plan = new Plan()
    const offer = offerOf([size])
    plan.add(offer)
    plan.want(1)
    const wants: WantMessage[] = []
    const repairs = new Repairs({ plan, want: (want) => wants.push(want) })
    const [entry] = offer.entries
    for (let round = 0; round <= 3; round++) {
      for (const _ of plan.take(0, size)) {
        // it comes
      }
      plan.answer(0)
      if (round > 0) t.false(repairs.isOwed(0))
      const ask = repairs.mend(entry!, isFresh)
      t.is(ask === undefined, round === 3)
      ask?.()
    }
    t.deepEqual(wants, Array(3).fill({ index: 0, send }))
  }
})

test('nothing is asked for again of an empty file, of one of unknown size, and of one that has its outcome', async (t) => {
  const { repairs, entry, wants, plan } = new Played()
  t.is(repairs.mend({ ...entry, size: 0 }, false), undefined)
  t.is(repairs.mend({ ...entry, size: null }, false), undefined)
  plan.close(0)
  await repairs.compare(entry, { kind: 'blocks', index: 0, first: 0, digests: RIGHT[0]!, isSaid: true })
  t.deepEqual(wants, [])
})
