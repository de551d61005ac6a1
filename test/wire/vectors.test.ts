import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import test from 'ava'
import { Chunker } from '../../lib/digest/chunks.js'
import { blockEngine, createDigest, prepareDigest } from '../../lib/digest/digests.js'
import { deframer } from '../../lib/stages/deframer.js'
import { demuxer } from '../../lib/stages/demuxer.js'
import type { Item } from '../../lib/stages/river/items.js'
import { packChunks } from '../../lib/wire/chunk-records.js'
import { FrameParser } from '../../lib/wire/frame-parser.js'
import { dataHeader } from '../../lib/wire/frames.js'
import { DEFAULT_LIMITS } from '../../lib/wire/limits.js'
import { encodeMessage, type Message } from '../../lib/wire/messages.js'
import { encodePreface, parsePreface } from '../../lib/wire/preface.js'
import { cutsOf } from '../../lib/wire/run.js'

type Part = Message | { data: { position: number; bytes: string } }

interface Vectors {
  prefaces: { name: string; formats: string[]; hex: string }[]
  frames: { name: string; message?: Message; data?: { position: number; bytes: string }; hex: string }[]
  streams: { name: string; formats: string[]; frames: Part[]; hex: string }[]
  refused: { name: string; hex: string; code: string }[]
  blocks: { name: string; size: number; hex: string }[]
  chunks: { name: string; content: number; size: number; hex: string }[]
}

const fromHere = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const bytesOf = (hex: string) => Buffer.from(hex, 'hex')

/** Bytes stand as hexadecimal digits, maps as lists of pairs. */
const VECTORS: Vectors = JSON.parse(fromHere('test/fixtures/wire-vectors.json'), (key, value) => {
  if (key === 'secret' || key === 'digest') return bytesOf(value)
  if (key === 'failures' || key === 'sizes') return new Map(value)
  if (value?.type === 'chunks') return { ...value, chunks: bytesOf(value.chunks) }
  if (value?.type === 'blocks') return { ...value, digests: bytesOf(value.digests) }
  return value?.type === 'digests' ? { ...value, bytes: bytesOf(value.bytes) } : value
})

function encode(part: Part): Buffer {
  if (!('data' in part)) return encodeMessage(part)
  const bytes = bytesOf(part.data.bytes)
  return Buffer.concat([dataHeader(part.data.position, bytes.length), bytes])
}

/** What frames mean, in the words of the vectors; data that follows without a gap is one. */
function decode(bytes: Buffer): Part[] {
  const parser = new FrameParser(DEFAULT_LIMITS, DEFAULT_LIMITS.message)
  return [...parser.parse([encodePreface([]), bytes])].map((frame): Part => {
    if (frame.kind === 'message') return frame.message
    return { data: { position: frame.position, bytes: Buffer.concat(frame.chunks).toString('hex') } }
  })
}

for (const { name, formats, hex } of VECTORS.prefaces) {
  test(`the vector of a ${name} holds in both directions`, (t) => {
    t.is(encodePreface(formats).toString('hex'), hex)
    t.deepEqual(parsePreface(bytesOf(hex)), { formats, rest: Buffer.alloc(0) })
  })
}

for (const { name, message, data, hex } of VECTORS.frames) {
  test(`the vector of the frame '${name}' holds in both directions`, (t) => {
    const part = message === undefined ? { data: data! } : message
    t.is(encode(part).toString('hex'), hex)
    t.deepEqual(decode(bytesOf(hex)), [part])
  })
}

for (const { name, formats, frames, hex } of VECTORS.streams) {
  test(`the vector of the stream '${name}' holds, and is a whole transfer`, async (t) => {
    const whole = Buffer.concat([encodePreface(formats), ...frames.map(encode)])
    t.is(whole.toString('hex'), hex)
    const items: Item[] = await Readable.from([bytesOf(hex)])
      .compose(deframer())
      .compose(demuxer())
      .toArray()
    const content: Record<string, string> = {}
    for (const item of items) {
      if (item.kind !== 'run') continue
      for (const { entry, bytes } of cutsOf(item))
        content[entry.path] = `${content[entry.path] ?? ''}${bytes}`
    }
    t.deepEqual(content, { d: '', 'd/a': 'hello', 'd/empty': '' })
  })
}

for (const { name, hex, code } of VECTORS.refused) {
  test(`the vector of '${name}' is refused`, (t) => {
    t.throws(() => decode(bytesOf(hex)), { code })
  })
}

for (const { name, size, hex } of VECTORS.blocks) {
  test(`the vector of ${name} holds`, async (t) => {
    await prepareDigest('blocks')
    const content = Buffer.from(Uint8Array.from({ length: size }, (_, at) => at % 251))
    t.is(createDigest('blocks', size).update(content).digest().toString('hex'), hex)
  })
}

/** The digests of 0, 1, 2, … one behind the other. */
const counted = (size: number) =>
  Buffer.concat(
    Array.from({ length: Math.ceil(size / 32) }, (_, n) =>
      createHash('sha256')
        .update(Buffer.from(Uint32Array.of(n).buffer).swap32())
        .digest(),
    ),
  ).subarray(0, size)

for (const { name, content, size, hex } of VECTORS.chunks) {
  test(`the vector of ${name} holds`, async (t) => {
    await prepareDigest('blocks')
    const chunker = new Chunker(size, blockEngine())
    const chunks = [...chunker.take(counted(content)), ...chunker.end()]
    t.is(packChunks(chunks).toString('hex'), hex)
  })
}

test('the specification shows every vector as it is in the file', (t) => {
  const text = fromHere('lib/wire/README.md').replaceAll(/([0-9a-f])\n(?=[0-9a-f])/g, '$1')
  for (const vector of Object.values(VECTORS).flat()) {
    t.true(new RegExp(`\\b${vector.hex}\\b`).test(text), vector.name)
    t.true(text.includes(vector.name), vector.name)
  }
})
