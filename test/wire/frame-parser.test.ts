import test from 'ava'
import fc from 'fast-check'
import { type Frame, FrameParser } from '../../lib/wire/frame-parser.js'
import { dataHeader, FrameType, frameHeader, isTalk } from '../../lib/wire/frames.js'
import { DEFAULT_LIMITS } from '../../lib/wire/limits.js'
import { encodeMessage, type Message } from '../../lib/wire/messages.js'
import { encodePreface } from '../../lib/wire/preface.js'
import { scale } from '../helpers/scale.js'

interface Parsed {
  frames: Frame[]
  parser: FrameParser
}

function parse(chunks: Iterable<Buffer>, until = (_frame: Frame) => true): Parsed {
  const frames: Frame[] = []
  const parser = new FrameParser(DEFAULT_LIMITS, DEFAULT_LIMITS.handshakeMessage)
  for (const frame of parser.parse(chunks)) {
    frames.push(frame)
    if (!until(frame)) parser.stop()
  }
  return { frames, parser }
}

type Part = Message | { position: number; bytes: Buffer }

const encode = (part: Part) =>
  'type' in part
    ? encodeMessage(part)
    : Buffer.concat([dataHeader(part.position, part.bytes.length), part.bytes])

/** What was parsed, byte for byte, however it was gathered. */
function told(frames: readonly Frame[]): unknown[] {
  return frames.flatMap((frame): unknown[] => {
    if (frame.kind === 'message') return [frame.message]
    const bytes = Buffer.concat(frame.chunks)
    if (bytes.length !== frame.length) throw new Error('the length is not that of the chunks')
    return Array.from(bytes, (byte, i) => [frame.position + i, byte])
  })
}

const message = fc.constantFrom<Message>(
  { type: 'ping' },
  { type: 'cancel', reason: 'enough' },
  { type: 'error', code: 'ERR_WRITE', text: 'x'.repeat(300) },
)
const data = fc.record({
  position: fc.oneof(
    fc.nat(20),
    fc.maxSafeNat().map((position) => Math.max(0, position - 40)),
  ),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
})

test('whatever the split, the same frames come out', (t) => {
  const cuts = fc.array(fc.nat(), { maxLength: 12 })
  fc.assert(
    fc.property(fc.array(fc.oneof(message, data), { maxLength: 8 }), cuts, (parts, at) => {
      const whole = Buffer.concat([encodePreface([]), ...parts.map(encode)])
      const places = [0, ...at.map((place) => place % whole.length), whole.length].sort((a, b) => a - b)
      const chunks = places.slice(1).map((end, i) => whole.subarray(places[i], end))
      const expected = parts.flatMap((part): unknown[] =>
        'type' in part ? [part] : Array.from(part.bytes, (byte, i) => [part.position + i, byte]),
      )
      for (const split of [[whole], chunks, Array.from(whole, (byte) => Buffer.of(byte))]) {
        const { frames, parser } = parse(split)
        t.deepEqual(told(frames), expected)
        t.true(parser.complete)
      }
    }),
    { numRuns: scale(100, 3000) },
  )
})

test('data that follows without a gap is given out together, and is never copied', (t) => {
  const frame = (position: number) => encode({ position, bytes: Buffer.from('abc') })
  // with memory of its own: others are cut of one piece
  const whole = Buffer.from(new Uint8Array(Buffer.concat([0, 3, 6, 10].map(frame))).buffer)
  const { frames } = parse([encodePreface([]), whole])
  t.like(frames, [
    { kind: 'data', position: 0, length: 9 },
    { kind: 'data', position: 10, length: 3 },
  ])
  for (const frame of frames) {
    for (const chunk of frame.kind === 'data' ? frame.chunks : []) t.true(chunk.buffer === whole.buffer)
  }
})

test('a stream is complete between two frames only', (t) => {
  const head = [encodePreface([]), encode({ position: 0, bytes: Buffer.from('ab') })]
  const whole = Buffer.concat([...head, encode({ type: 'ping' })])
  for (let end = 0; end <= whole.length; end++) {
    const between = [head[0]!.length, Buffer.concat(head).length, whole.length].includes(end)
    t.is(parse([whole.subarray(0, end)]).parser.complete, between, `${end}`)
  }
})

test('what follows the last word is left as it is', (t) => {
  const last = encode({ type: 'cancel' })
  const after = Buffer.from('something else\x01')
  const whole = Buffer.concat([encodePreface([]), last, after])
  const stop = (frame: Frame) => frame.kind !== 'message'
  t.deepEqual(parse([whole], stop).parser.rest, after)
  t.deepEqual(parse([whole.subarray(0, 20), whole.subarray(20)], stop).parser.rest, after)
  t.is(parse([whole.subarray(0, 13)], stop).parser.rest, null)
})

test('the largest frames are taken, and a byte more is refused at the header', (t) => {
  const push = (header: Buffer) => () => parse([encodePreface([]), header])
  const { frame, handshakeMessage } = DEFAULT_LIMITS
  t.notThrows(push(dataHeader(Number.MAX_SAFE_INTEGER - frame, frame)))
  t.throws(push(dataHeader(Number.MAX_SAFE_INTEGER - frame + 1, frame)), {
    code: 'ERR_PROTOCOL',
    message: /2\^53/,
  })
  t.throws(push(Buffer.from('0300000009ffffffffffffffff', 'hex')), { code: 'ERR_PROTOCOL' })
  t.throws(push(dataHeader(0, frame + 1)), { code: 'ERR_LIMIT', message: /1048585 bytes.* 1048584/ })
  t.notThrows(push(frameHeader(FrameType.HELLO, handshakeMessage)))
  t.throws(push(frameHeader(FrameType.HELLO, handshakeMessage + 1)), { code: 'ERR_LIMIT' })
  t.throws(push(frameHeader(FrameType.PING, 0)), { code: 'ERR_PROTOCOL' })
  t.throws(push(dataHeader(0, 0)), { code: 'ERR_PROTOCOL' })
  for (const type of [0x00, 0x08, 0x1f, 0x2c, 0xff]) {
    t.throws(push(frameHeader(type, 1)), { code: 'ERR_PROTOCOL', message: new RegExp(type.toString(16)) })
  }
})

test('formats that nobody undid are named', (t) => {
  t.throws(() => parse([encodePreface(['gzip'])]), { code: 'ERR_FORMATS', message: /\[\].*\[gzip\]/ })
})

test('the numbers of the river are below those of the conversation', (t) => {
  const river = Object.entries(FrameType).filter(([, type]) => !isTalk(type))
  t.deepEqual(
    river.map(([name]) => name),
    ['OFFER', 'ENTRIES', 'DATA', 'DIGESTS', 'END', 'BLOCKS', 'CHUNKS'],
  )
})

test('headers hold every length and position', (t) => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 0xffff_fff0 }), (position, length) => {
      const header = dataHeader(position, length)
      return (
        header[0] === FrameType.DATA &&
        header.readUInt32BE(1) === length + 8 &&
        header.readBigUInt64BE(5) === BigInt(position) &&
        frameHeader(7, length).equals(Buffer.from(`07${length.toString(16).padStart(8, '0')}`, 'hex'))
      )
    }),
  )
  t.pass()
})
