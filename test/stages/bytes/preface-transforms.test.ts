import { createCipheriv, createDecipheriv } from 'node:crypto'
import { PassThrough, Readable, Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { createDeflate, createGunzip, createGzip } from 'node:zlib'
import test from 'ava'
import { Minipass } from 'minipass'
import { Transform as StreamxTransform } from 'streamx'
import through from 'through2'
import {
  type Code,
  compression,
  decrypt,
  encrypt,
  flushing,
  gunzip,
  gzip,
  incomingOf,
  isSluiceError,
  limitRate,
  outgoingOf,
  SluiceError,
  tap,
  throttle,
  type WireStage,
} from '../../../lib/index.js'
import {
  piecesOf,
  randomContent,
  type WireStageConformance,
  wireStageConformance,
} from '../../../lib/testing/index.js'
import { encodePreface } from '../../../lib/wire/preface.js'
import { conforms } from '../../helpers/conforms.js'

const key = Buffer.alloc(32, 7)
const content = randomContent(300_000)
const byHand = (outgoing: () => Transform, incoming: () => Transform, more: WireStageConformance = {}) =>
  wireStageConformance(() => ({ outgoing, incoming }), { truncated: ['ERR_TRUNCATED'], ...more })

conforms(
  'encrypt and decrypt',
  byHand(
    () => encrypt({ key }),
    () => decrypt({ key }),
    {
      badOptions: [() => encrypt({ key: Buffer.alloc(5) }), () => decrypt({ key: Buffer.alloc(5) })],
    },
  ),
)
conforms(
  'gzip and gunzip',
  byHand(
    () => gzip(),
    () => gunzip(),
    {
      badOptions: [() => gzip({ level: 0 }), () => gunzip({ maxRatio: 0 })],
    },
  ),
)

// What others made, as it comes: neither the preface nor the nesting may cost it a property.
const nonce = Buffer.alloc(16)
const cipher: WireStage = {
  format: 'aes-256-ctr',
  outgoing: () => createCipheriv('aes-256-ctr', key, nonce),
  incoming: () => createDecipheriv('aes-256-ctr', key, nonce),
}
const tapped: WireStage = { format: 'tapped', outgoing: () => tap(() => {}), incoming: () => tap(() => {}) }
for (const stage of [cipher, tapped]) {
  conforms(
    `${stage.format} by hand`,
    byHand(
      () => outgoingOf(stage),
      () => incomingOf(stage),
      { truncated: undefined },
    ),
  )
}

test('stages stand in one another by hand, each with a preface of its own', async (t) => {
  const zipped: WireStage = {
    format: 'node-gzip',
    outgoing: () => createGzip(),
    incoming: () => createGunzip(),
  }
  const sent = await pipeline(
    Readable.from(piecesOf(content, 7000)),
    outgoingOf(zipped),
    gzip(),
    encrypt({ key }),
    limitRate({ rate: 1e9 }),
    buffer,
  )
  t.true(sent.subarray(0, 40).includes('encryption-1'))
  t.false(sent.includes('gzip'))
  const back = await pipeline(
    Readable.from(piecesOf(sent, 999)),
    decrypt({ key }),
    gunzip(),
    incomingOf(zipped),
    buffer,
  )
  t.true(back.equals(content))
})

async function failure(sent: Buffer, incoming: Transform): Promise<unknown> {
  return pipeline(Readable.from(piecesOf(sent, 5)), incoming, buffer).then(
    () => undefined,
    (error: unknown) => error,
  )
}

test('a stage on one side only ends in an error that names both lists', async (t) => {
  const encrypted = await pipeline(Readable.from([content]), encrypt({ key }), buffer)
  const error = await failure(encrypted, gunzip())
  t.true(isSluiceError(error, 'ERR_FORMATS'))
  t.deepEqual({ ...(error as SluiceError) }.expected, ['gzip'])
  t.deepEqual((error as SluiceError).found, ['encryption-1'])
  t.regex(String(error), /gzip.*encryption-1/)
  t.true(
    isSluiceError(
      await failure(Buffer.concat([encodePreface([]), content]), decrypt({ key })),
      'ERR_FORMATS',
    ),
  )
})

test('what is not ours, of another version, or cut, is named as that', async (t) => {
  const other = encodePreface(['gzip'])
  const version = Buffer.from(other)
  version[11] = 9
  const cases: [Buffer, Code][] = [
    [Buffer.from('GET / HTTP/1.1\r\n'), 'ERR_NOT_SLUICE'],
    [version, 'ERR_VERSION'],
    [Buffer.alloc(0), 'ERR_TRUNCATED'],
    [other.subarray(0, -1), 'ERR_TRUNCATED'],
    [other, 'ERR_TRUNCATED'],
    [Buffer.concat([other, Buffer.from('no gzip at all')]), 'ERR_CORRUPT'],
  ]
  for (const [sent, code] of cases) t.true(isSluiceError(await failure(sent, gunzip()), code), code)
})

test('the error of the stage inside is the error of the whole, on both sides', async (t) => {
  const boom = new SluiceError('ERR_LIMIT', 'boom')
  const failing = () => new Transform({ transform: (_chunk, _encoding, callback) => callback(boom) })
  const atEnd = () =>
    new Transform({ transform: (_c, _e, callback) => callback(), flush: (callback) => callback(boom) })
  for (const make of [failing, atEnd]) {
    const stage: WireStage = { format: 'failing', outgoing: make, incoming: make }
    t.is(await failure(content, outgoingOf(stage)), boom)
    t.is(await failure(Buffer.concat([encodePreface(['failing']), content]), incomingOf(stage)), boom)
  }
})

test('a stage inside that ends or is destroyed before its input ends is an error', async (t) => {
  const early: WireStage = {
    format: 'early',
    outgoing: () =>
      new Transform({
        transform(_chunk, _encoding, callback) {
          this.push(null)
          callback()
        },
      }),
  }
  t.true(isSluiceError(await failure(content, outgoingOf(early)), 'ERR_CORRUPT'))
  const gone: WireStage = {
    format: 'gone',
    outgoing: () =>
      new Transform({
        transform() {
          this.destroy()
        },
      }),
  }
  t.true(isSluiceError(await failure(content, outgoingOf(gone)), 'ERR_DESTROYED'))
})

test('the stage inside is closed with the whole', async (t) => {
  const inner = new PassThrough()
  const whole = outgoingOf({ format: 'x', outgoing: () => inner })
  const closed = new Promise((resolve) => whole.once('close', resolve))
  whole.destroy()
  await closed
  t.true(inner.closed)
})

test('a stream that was used before is refused by hand, too', (t) => {
  const used = new PassThrough()
  const usedBefore = { code: 'ERR_USAGE', message: /must be a fresh Transform each time/ }
  for (const format of ['x', undefined])
    t.throws(() => outgoingOf({ ...(format && { format }), outgoing: () => used.destroy() }), usedBefore)
  const one = new PassThrough()
  const stage = { outgoing: () => one, incoming: () => one }
  outgoingOf(stage)
  t.throws(() => incomingOf(stage), usedBefore)
  const deflate = createDeflate()
  flushing(deflate)
  t.throws(() => flushing(deflate), usedBefore)
})

test('by hand a stage with a format is of node:stream: others have not all that is used', (t) => {
  const error = { code: 'ERR_USAGE', message: /must be a Transform of node:stream/ }
  for (const make of [() => new StreamxTransform(), () => new Minipass() as unknown as Transform]) {
    t.throws(() => outgoingOf({ format: 'x', outgoing: make }), error)
    t.throws(() => incomingOf({ format: 'x', incoming: make }), error)
    const flushed = Object.assign(make() as Transform, { flush() {} })
    t.throws(() => flushing(flushed), error)
  }
  t.notThrows(() => outgoingOf({ format: 'x', outgoing: () => through() }))
})

test('a side that a stage does not have cannot be made', (t) => {
  for (const make of [
    () => outgoingOf({ format: 'one-sided' } as WireStage),
    () => incomingOf({ format: 'one-sided' } as WireStage),
    () => outgoingOf({} as WireStage),
    () => incomingOf({} as WireStage),
  ]) {
    t.true(isSluiceError(t.throws(make), 'ERR_USAGE'))
  }
})

test('a stage without a format has no preface', async (t) => {
  const limited = throttle({ rate: 1e9 })
  t.true(
    (await pipeline(Readable.from([content]), outgoingOf(limited), incomingOf(limited), buffer)).equals(
      content,
    ),
  )
  const plain = await pipeline(Readable.from([content]), outgoingOf(limited), buffer)
  t.true(plain.equals(content))
  t.is(compression().format, 'gzip')
})
