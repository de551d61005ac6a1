import { EventEmitter } from 'node:events'
import test from 'ava'
import { blockSizeOf } from '../../lib/digest/blocks.js'
import type { Item } from '../../lib/stages/river/items.js'
import { spreader } from '../../lib/stages/spreader.js'
import { cutsOf, type Run } from '../../lib/wire/run.js'
import { offerOf } from '../helpers/plan-model.js'

const SIZE = 8 * 1024 * 1024
const BLOCK = blockSizeOf(SIZE)
const { entries } = offerOf([SIZE, 1000, 2000, null])

/** Bytes of the large file. */
function run(offset: number, length: number): Run {
  const ends = offset + length === SIZE
  return {
    kind: 'run',
    position: offset,
    length,
    buffers: [Buffer.alloc(length)],
    entries,
    first: 0,
    last: 0,
    offset,
    ends,
  }
}

/** The two small files. */
const SMALL: Run = {
  ...{ kind: 'run', position: SIZE, length: 3000, buffers: [Buffer.alloc(3000)], entries },
  ...{
    first: 1,
    last: 2,
    offset: 0,
    ends: true,
    digests: { first: 1, count: 2, bytes: Buffer.alloc(64, 1) },
  },
}

/** A lane that takes so many items until it is asked to take more. */
class Outlet extends EventEmitter {
  readonly destroyed = false
  readonly taken: Item[] = []
  constructor(public room = Number.POSITIVE_INFINITY) {
    super()
  }

  write(item: Item): boolean {
    this.taken.push(item)
    return this.taken.length < this.room
  }

  drain(): void {
    this.room = Number.POSITIVE_INFINITY
    this.emit('drain')
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

function scene(...outlets: Outlet[]) {
  let held = 0
  const stage = spreader({ isRereadable: ({ size }) => size !== null, onHeld: () => held++ })
  const given: Item[] = []
  stage.on('data', (item: Item) => given.push(item))
  outlets.forEach((outlet, n) => void stage.open(n + 1, outlet))
  return { stage, given, isHeld: () => held > 0 }
}

test('a block goes over one connection from its beginning to its end, the next one over another', async (t) => {
  const outlets = [new Outlet(), new Outlet()]
  const { stage, given } = scene(...outlets)
  const half = BLOCK / 2
  for (let at = 0; at < SIZE; at += half) {
    await turn()
    stage.write(run(at, half))
  }
  await turn()
  const ways = [
    ...outlets.map(({ taken }) => taken),
    given.filter((item) => item.kind === 'run' && !item.isProof),
  ]
  for (const way of ways) {
    const runs = way as Run[]
    t.true(runs.length > 0)
    t.is(runs.length % 2, 0)
    for (let n = 0; n < runs.length; n += 2) t.is(runs[n]!.position + half, runs[n + 1]!.position)
  }
  t.is(ways.flat().length, SIZE / half)
})

test('of what went over a lane its digests go on, and nothing else', async (t) => {
  const outlet = new Outlet()
  const { stage, given } = scene(outlet)
  stage.write(SMALL)
  stage.write(run(BLOCK, BLOCK))
  await turn()
  const [sent] = outlet.taken as Run[]
  t.like(sent, { position: SIZE, length: 3000, ends: false })
  t.is(
    [...cutsOf(sent!)].some(({ last }) => last),
    false,
  )
  t.like(given[0], { isProof: true, first: 1, last: 2, ends: true, buffers: [], digests: SMALL.digests })
})

test('what is only proved waits for the first connection without its bytes', async (t) => {
  const { stage, given } = scene(new Outlet())
  stage.write({ ...run(0, 4 * BLOCK), isProof: true })
  await turn()
  t.like(given, [{ isProof: true, position: 0, length: 4 * BLOCK, buffers: [] }])
})

test('where no connection has room, the next that has some is waited for', async (t) => {
  const outlet = new Outlet(1)
  const { stage, given } = scene(outlet)
  stage.pause()
  for (let n = 0; n < 4; n++) stage.write(run(n * BLOCK, BLOCK))
  await turn()
  t.is(outlet.taken.length, 1)
  const before = outlet.taken.length + stage.readableLength + given.length
  t.true(before < 4)
  outlet.drain()
  await turn()
  t.is(outlet.taken.length + stage.readableLength + given.length, 4)
})

test('a lane takes no more than what may be underway, until the peer says what came', async (t) => {
  const outlet = new Outlet()
  const { stage } = scene(outlet)
  stage.pause()
  const { entries: large } = offerOf([64 * SIZE])
  const block = blockSizeOf(64 * SIZE)
  let written = 0
  const write = () => {
    const ok = stage.write({
      ...run(0, block),
      entries: large,
      position: written,
      offset: written,
      ends: false,
    })
    written += block
    return ok
  }
  while (written < 4 * SIZE) {
    write()
    await turn()
  }
  const bytes = () => (outlet.taken as Run[]).reduce((sum, { length }) => sum + length, 0)
  t.is(bytes(), 2 * SIZE)
  stage.came(1, 3 * block)
  await turn()
  t.is(bytes(), 2 * SIZE + 3 * block)
  t.throws(() => stage.came(1, 100 * SIZE), { code: 'ERR_PROTOCOL' })
})

test('what a lane had and did not bring is given back, and a closed one is given nothing', async (t) => {
  const outlet = new Outlet()
  const { stage, given } = scene(outlet)
  stage.write(run(0, BLOCK))
  await turn()
  stage.came(1, 1000)
  stage.close(1)
  stage.write(run(BLOCK, BLOCK))
  await turn()
  t.is(outlet.taken.length, 1)
  t.like(given, [{ position: BLOCK }])
  t.deepEqual(stage.over(1), [{ first: 0, position: 1000, length: BLOCK - 1000 }])
  t.deepEqual(stage.over(1), [])
})

test('what cannot be read again goes over the first connection', async (t) => {
  const outlet = new Outlet()
  const { stage, given } = scene(outlet)
  const position = entries[3]!.start
  stage.write({ ...run(0, 10), position, first: 3, last: 3, offset: 0, ends: false })
  await turn()
  t.deepEqual(outlet.taken, [])
  t.like(given, [{ position, first: 3 }])
})

test('a block that began over the first connection ends there, though a lane has come meanwhile', async (t) => {
  const outlet = new Outlet()
  const { stage, given } = scene()
  stage.write(run(0, BLOCK / 2))
  await turn()
  stage.open(1, outlet)
  stage.write(run(BLOCK / 2, BLOCK / 2))
  await turn()
  t.deepEqual(outlet.taken, [])
  t.like(given, [{ position: 0 }, { position: BLOCK / 2 }])
})

for (const how of ['came', 'over'] as const)
  test(`no more is said than the peer keeps, before what a lane was given long ago ${how === 'came' ? 'came' : 'is known to be lost'}`, async (t) => {
    const outlet = new Outlet()
    const { stage, given, isHeld } = scene(outlet)
    stage.write(run(0, BLOCK))
    const said: Item = { kind: 'digests', first: 1, count: 1, bytes: Buffer.alloc(32, 1) }
    for (let n = 0; n < 2000; n++) {
      stage.write(said)
      if (n % 100 === 0) await turn()
    }
    await turn()
    t.true(given.length < 1000, `${given.length}`)
    t.true(isHeld())
    if (how === 'came') stage.came(1, BLOCK)
    else stage.over(1)
    while (stage.writableLength > 0) await turn()
    t.is(given.length, 2000)
  })

test('what was lost with a lane goes over the first connection', async (t) => {
  const outlets = [new Outlet(), new Outlet()]
  const { stage, given } = scene(...outlets)
  stage.write(run(0, BLOCK))
  await turn()
  stage.over(1)
  stage.write(run(0, BLOCK))
  stage.write(run(BLOCK, BLOCK))
  await turn()
  t.like(given, [{ position: 0, isProof: undefined }])
  t.like(outlets[1]!.taken, [{ position: BLOCK }])
})
