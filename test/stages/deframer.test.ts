import { once } from 'node:events'
import test from 'ava'
import { type Deframer, deframer } from '../../lib/stages/deframer.js'
import { framesOf } from '../../lib/stages/river/frames-of.js'
import type { Frame } from '../../lib/wire/frame-parser.js'
import { FrameType } from '../../lib/wire/frames.js'
import { encodeMessage, type Message } from '../../lib/wire/messages.js'
import { encodePreface } from '../../lib/wire/preface.js'
import { itemsOf, SMALL } from '../helpers/items.js'
import { growth } from '../helpers/turns.js'

// What a conversation has beyond a stream that goes one way: the talk, and what comes after END. The rest is in
// conformance.test.ts and framer.test.ts.

const framed = (items = itemsOf(SMALL)) =>
  items.flatMap((item) =>
    [...framesOf(item, { frame: 1 << 20, message: 1 << 20 })].map((one) => Buffer.concat(one)),
  )
const WHOLE = [encodePreface([]), ...framed()]
const OFFER = WHOLE[1]
const DATA = framed(itemsOf({ a: 'again' })).find((frame) => frame[0] === FrameType.DATA)
const PING = encodeMessage({ type: 'ping' })
const END = encodeMessage({ type: 'end' })

/** A deframer in a conversation, what it gave, and what was said. */
function conversation(goOn: (message: Message) => boolean = () => true) {
  const talk: string[] = []
  const frames: Frame[] = []
  const stage = deframer({
    onTalk: (message) => {
      talk.push(message.type)
      return goOn(message)
    },
  })
  stage.on('data', (frame: Frame) => frames.push(frame))
  return {
    stage,
    talk,
    frames,
    kinds: () => frames.map((frame) => (frame.kind === 'data' ? 'data' : frame.message.type)),
  }
}

const written = (stage: Deframer, ...chunks: Buffer[]) =>
  new Promise<void>((resolve, reject) => {
    stage.write(Buffer.concat(chunks), (error) => (error ? reject(error) : resolve()))
  })

test('in a conversation more may come after END, until it is told that nothing will', async (t) => {
  const { stage, kinds, talk } = conversation()
  await written(stage, ...WHOLE)
  t.is(kinds().at(-1), 'end')
  t.false(stage.readableEnded)
  await written(stage, PING, DATA!)
  t.deepEqual(kinds().slice(-2), ['end', 'data'])
  const ended = once(stage, 'end')
  stage.finish()
  stage.finish()
  await ended
  // the talk goes on
  await written(stage, PING)
  t.deepEqual(talk, ['ping', 'ping'])
  stage.end()
  await once(stage, 'close')
})

test('what was on its way of files is dropped once the river is finished: all of them have their outcome', async (t) => {
  const { stage, talk, kinds } = conversation()
  await written(stage, ...WHOLE)
  const ended = once(stage, 'end')
  stage.finish()
  await ended
  const said = kinds()
  const blocks = encodeMessage({ type: 'blocks', index: 0, first: 0, digests: Buffer.alloc(32) })
  const digests = encodeMessage({ type: 'digests', first: 0, count: 1, bytes: Buffer.alloc(32) })
  await written(stage, DATA!, blocks, digests, PING)
  t.deepEqual(kinds(), said)
  t.is(talk.at(-1), 'ping')
})

test('others have their turn between what is dropped then: very many frames may come in one chunk', async (t) => {
  const { stage } = conversation()
  await written(stage, ...WHOLE)
  stage.finish()
  const turns = growth(() => stage.framesBegun)
  const before = stage.framesBegun
  const COUNT = 50_000
  await written(stage, Buffer.concat(Array<Buffer>(COUNT).fill(DATA!)))
  t.is(stage.framesBegun - before, COUNT)
  t.true(turns.stop() < COUNT)
})

test('nothing else that belongs into the river may come once that is finished', async (t) => {
  for (const more of [END, OFFER!]) {
    const { stage } = conversation()
    stage.on('error', () => {})
    await written(stage, ...WHOLE)
    stage.finish()
    await t.throwsAsync(written(stage, more), { code: 'ERR_PROTOCOL', message: /went on after END/ })
  }
})

test('a conversation that ends before END is cut short, and so is one in the middle of a frame', async (t) => {
  for (const [chunks, where] of [
    [WHOLE.slice(0, -1), /before the end of the transfer/],
    [[...WHOLE.slice(0, -1), END.subarray(0, 3)], /in the middle of a frame/],
  ] as const) {
    const { stage } = conversation()
    const failed = once(stage, 'error')
    stage.end(Buffer.concat(chunks))
    const [error] = await failed
    t.like(error, { code: 'ERR_TRUNCATED' })
    t.regex((error as Error).message, where)
  }
})

test('behind END the other side may go away, in the middle of its last word, too', async (t) => {
  for (const last of [Buffer.alloc(0), PING.subarray(0, 3)]) {
    const { stage } = conversation()
    const ended = Promise.all([once(stage, 'finish'), once(stage, 'end')])
    stage.end(Buffer.concat([...WHOLE, last]))
    await ended
    t.false(stage.errored instanceof Error)
  }
})

test("what follows the message at which the parsing ends is somebody else's", async (t) => {
  const { stage, talk } = conversation(({ type }) => type !== 'ping')
  await written(stage, ...WHOLE.slice(0, 2), PING, Buffer.from('something else'))
  t.deepEqual(talk, ['ping'])
  t.is(stage.rest?.toString(), 'something else')
  const finished = once(stage, 'finish')
  stage.end()
  await finished
})

test('one way nothing is said, and END is the end of the river, whether the input ends there or not', async (t) => {
  const silent = deframer().resume()
  silent.on('error', () => {})
  await t.throwsAsync(written(silent, ...WHOLE.slice(0, -1), PING), {
    code: 'ERR_PROTOCOL',
    message: /cannot hold ping/,
  })
  const stage = deframer()
  const frames: Frame[] = []
  stage.on('data', (frame: Frame) => frames.push(frame))
  const ended = once(stage, 'end')
  await written(stage, ...WHOLE)
  await ended
  t.like(frames.at(-1), { kind: 'message', type: FrameType.END })
})

test('pages of the plan and outcomes that come in one chunk are heard one in a turn: others have theirs between', async (t) => {
  const plan = encodeMessage({ type: 'plan', first: 0, plan: [{ count: 4096, kind: 'all' }] })
  const outcomes = encodeMessage({ type: 'outcomes', first: 0, count: 4096, status: 'skipped', except: [] })
  const { stage, talk, kinds } = conversation()
  const turns = growth(() => talk.length)
  await written(stage, encodePreface([]), ...Array.from({ length: 50 }, () => [plan, outcomes]).flat(), END)
  t.is(turns.stop(), 1)
  t.is(talk.length, 100)
  t.deepEqual(kinds(), ['end'], 'what stands behind them is not lost')
})

test('what is destroyed between two outcomes hears no more of them', async (t) => {
  const outcomes = encodeMessage({ type: 'outcomes', first: 0, count: 1, status: 'skipped', except: [] })
  const { stage, talk } = conversation(() => {
    stage.destroy()
    return true
  })
  stage.write(Buffer.concat([encodePreface([]), outcomes, outcomes]))
  await once(stage, 'close')
  await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(talk, ['outcomes'])
})
