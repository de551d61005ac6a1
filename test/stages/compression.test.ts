import { Readable, type Transform } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { brotliCompressSync, constants, createBrotliCompress, gunzipSync, gzipSync } from 'node:zlib'
import test from 'ava'
import { type CompressionOptions, compression, flushing, isSluiceError } from '../../lib/index.js'
import { piecesOf, randomBySeed, randomContent, wireStageConformance } from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'
import { scale } from '../helpers/scale.js'

const KIB = 1024
const MIB = 1024 * KIB
const ALGORITHMS = ['gzip', 'brotli'] as const

async function compress(chunks: Iterable<Buffer>, options: CompressionOptions): Promise<Buffer> {
  return Buffer.concat(await Readable.from(chunks).pipe(compression(options).outgoing!()).toArray())
}

/** How much came out, and the error that ended it. */
async function decompress(
  chunks: Buffer[],
  options: CompressionOptions,
): Promise<{ length: number; error: unknown }> {
  let length = 0
  const incoming = compression(options).incoming!().on('data', (chunk: Buffer) => {
    length += chunk.length
  })
  const error: unknown = await pipeline(Readable.from(chunks), incoming).catch((reason: unknown) => reason)
  return { length, error }
}

/** Words in random order: it can be compressed about as well as prose. */
function prose(words: number): Buffer {
  const random = randomBySeed(words)
  const vocabulary = piecesOf(randomContent(3000), 3).map((bytes) => bytes.toString('hex'))
  return Buffer.from(Array.from({ length: words }, () => vocabulary[Math.floor(random() * 1000)]).join(' '))
}

for (const algorithm of ALGORITHMS) {
  conforms(
    algorithm,
    wireStageConformance(() => compression({ algorithm }), {
      truncated: ['ERR_TRUNCATED'],
      badOptions: [
        () => compression({ algorithm, level: 12 }),
        () => compression({ algorithm, level: -1 }),
        () => compression({ algorithm, level: 1.5 }),
        () => compression({ algorithm, maxRatio: 0 }),
        () => compression({ algorithm, maxRatio: '9' as unknown as number }),
        () => compression({ algorithm: 'constructor' as 'gzip' }),
        () => compression({ algorithm: 'lzma' as 'gzip' }),
      ],
    }),
  )

  test(`${algorithm}: garbage, changed bytes and bytes behind the end are corrupt`, async (t) => {
    const whole = await compress([prose(1000)], { algorithm })
    const changed = Buffer.from(whole)
    changed.fill(0xff, 20, 60)
    const behind = randomContent(100)
    for (const chunks of [
      [randomContent(1000, 3)],
      [changed],
      [Buffer.concat([whole, behind])],
      [whole, behind],
    ]) {
      const { error } = await decompress(chunks, { algorithm })
      // brotli has no magic and no checksum: garbage may look like a beginning.
      const truncated = algorithm === 'brotli' && isSluiceError(error, 'ERR_TRUNCATED')
      t.true(isSluiceError(error, 'ERR_CORRUPT') || (truncated && !chunks.includes(behind)), String(error))
    }
  })

  test(`${algorithm}: what is nothing but zeros or repetition passes with the same cap on both sides`, async (t) => {
    const size = scale(2, 200, 35) * MIB
    for (const [maxRatio, level] of [
      [undefined, undefined],
      [200, undefined],
      [undefined, 1],
    ] as const) {
      const options = { algorithm, maxRatio, level }
      for (const step of [64 * KIB, MIB]) {
        const sealed = await compress(zeros(size, step), options)
        const { length, error } = await decompress(piecesOf(sealed, 1000), options)
        t.is(error, undefined)
        t.is(length, size)
      }
    }
  })

  test(`${algorithm}: the cap does not cost what is not extreme anything`, async (t) => {
    const chunks = piecesOf(prose(200_000), 64 * KIB)
    const [capped, free] = [
      await compress(chunks, { algorithm }),
      await compress(chunks, { algorithm, maxRatio: Number.POSITIVE_INFINITY }),
    ]
    t.true(capped.length < free.length * 1.2 + 1000, `${capped.length} of ${free.length}`)
  })

  test(`${algorithm}: what is written after a pause is flushed by itself`, async (t) => {
    const [outgoing, incoming] = [
      compression({ algorithm }).outgoing!(),
      compression({ algorithm }).incoming!(),
    ]
    outgoing.pipe(incoming)
    for (const word of ['one', 'two', 'three']) {
      outgoing.write(word)
      const [came] = await Promise.all([new Promise((resolve) => incoming.once('data', resolve))])
      t.is(String(came), word)
    }
    outgoing.destroy()
    incoming.destroy()
  })

  test(`${algorithm}: a busy source is not flushed after each small chunk`, async (t) => {
    const chunks = piecesOf(prose(5000), 10)
    const [busy, whole] = [
      await compress(chunks, { algorithm }),
      await compress([Buffer.concat(chunks)], { algorithm }),
    ]
    t.true(busy.length < whole.length * 1.1, `${busy.length} bytes instead of ${whole.length}`)
  })
}

const COMPRESSORS: Record<string, () => Transform> = {
  gzip: () => compression().outgoing!(),
  brotli: () => compression({ algorithm: 'brotli' }).outgoing!(),
  'a foreign brotli': () =>
    flushing(createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })),
}

for (const [name, make] of Object.entries(COMPRESSORS)) {
  test(`${name}: what a busy source brings comes out before a megabyte of it is gathered`, async (t) => {
    const compressor = make()
    let written = 0
    let came = 0
    let gathered = 0
    compressor.on('data', (chunk: Buffer) => {
      came += chunk.length
    })
    // The next chunk is there within the same turn, so that the stage is never idle.
    const write = () => {
      for (let hasRoom = true; hasRoom && written < 6 * MIB; written += 16 * KIB) {
        hasRoom = compressor.write(randomContent(16 * KIB, written))
        gathered = Math.max(gathered, written - came)
      }
      if (written >= 6 * MIB) compressor.end()
    }
    compressor.on('drain', write)
    write()
    await finished(compressor)
    t.true(gathered < MIB, `${gathered} bytes were taken before any came out`)
  })
}

function* zeros(size: number, step: number): Generator<Buffer> {
  const chunk = Buffer.alloc(step)
  for (let at = 0; at < size; at += step) yield chunk
}

test('a compression bomb is stopped at the cap, long before its end', async (t) => {
  const size = scale(12, 512, 128) * MIB
  const bombs = { gzip: gzipSync(Buffer.alloc(size)), brotli: brotliCompressSync(Buffer.alloc(size)) }
  for (const algorithm of ALGORITHMS) {
    const { length, error } = await decompress([bombs[algorithm]], { algorithm, maxRatio: 100 })
    t.true(isSluiceError(error, 'ERR_LIMIT'), String(error))
    t.true(length <= MIB + 100 * bombs[algorithm].length, `${length} bytes came out`)
  }
  const { length, error } = await decompress([bombs.brotli], { algorithm: 'brotli' })
  t.true(isSluiceError(error, 'ERR_LIMIT'))
  t.true(length < 2 * MIB)
  const free = await decompress([bombs.brotli], { algorithm: 'brotli', maxRatio: Number.POSITIVE_INFINITY })
  t.deepEqual(free, { length: size, error: undefined })
})

test('the format is that of gzip, at the level that is asked for', async (t) => {
  const content = prose(30_000)
  const [fast, small] = [await compress([content], { level: 1 }), await compress([content], { level: 9 })]
  t.true(gunzipSync(fast).equals(content))
  t.true(small.length < fast.length)
  t.is(compression().format, 'gzip')
})
