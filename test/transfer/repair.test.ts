import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import {
  manifestFrom,
  manifestOf,
  mapCuts,
  memoryParts,
  type PartStore,
  type ReceiveOptions,
  receive,
  send,
  type WireStage,
} from '../../lib/index.js'
import { duplexPair } from '../../lib/testing/index.js'
import { temporary } from '../helpers/folders.js'

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * 1024

/** Flips a byte where these bytes pass: so many times each, or always. */
function flipping(marks: Buffer[], times = 1): WireStage {
  const left = new Map(marks.map((mark) => [mark, times]))
  return {
    incoming: () =>
      new Transform({
        transform(chunk: Buffer, _encoding, done) {
          let bytes = chunk
          for (const [mark, count] of left) {
            const at = count > 0 ? bytes.indexOf(mark) : -1
            if (at < 0) continue
            left.set(mark, count - 1)
            if (bytes === chunk) bytes = Buffer.from(chunk)
            bytes[at]! ^= 1
          }
          done(null, bytes)
        },
      }),
  }
}

/** Bytes from the middle of a content, which stand nowhere else. */
const markAt = (content: Buffer, at: number) => content.subarray(at, at + 24)

interface Moved {
  /** Outcomes by path, as the receiver has them, and as the sender heard them. */
  received: Record<string, string>
  heard: Record<string, string>
  /** Bytes of content that came. */
  bytes: number
  /** What is in the folder. */
  there: Record<string, Buffer>
}

/** Sends files through a wire that damages some of them. */
async function move(
  t: ExecutionContext,
  files: Record<string, Buffer>,
  wire: WireStage,
  options: { algorithm?: string } & Partial<ReceiveOptions> = {},
): Promise<Moved> {
  const { algorithm = 'blocks', ...receiving } = options
  const from = await temporary(t)
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(from, path)), { recursive: true })
    await writeFile(join(from, path), content)
  }
  const dir = await temporary(t)
  const [near, far] = duplexPair({ highWaterMark: 2 * MIB })
  const sender = send(
    near,
    await manifestOf(
      Object.keys(files).map((path) => join(from, path)),
      { algorithm },
    ),
  )
  const receiver = receive(far, {
    accept: 'all',
    ...(receiving.store ? {} : { dir }),
    ...receiving,
    stages: { ...receiving.stages, wire: [wire] },
  })
  const [told, result] = await Promise.all(
    [sender, receiver].map(async ({ finished }) => {
      const { files, outcomes } = await finished.catch((error) =>
        error.outcomes ? error : Promise.reject(error),
      )
      return (files ?? outcomes) as { path: string; status: string; code?: string }[]
    }),
  )
  const texts = (list: typeof result) =>
    Object.fromEntries(list!.map(({ path, status, code }) => [path, code ? `${status} ${code}` : status]))
  const there: Record<string, Buffer> = {}
  for (const name of await readdir(dir, { recursive: true }))
    there[name] = await readFile(join(dir, name)).catch(() => Buffer.alloc(0))
  return { received: texts(result), heard: texts(told), bytes: receiver.progress.bytes, there }
}

/** 16 blocks, and one of 1,000 bytes. */
const LARGE = randomBytes(MIB + 1000)

test('of a file of several blocks only those come again that are not what the sender says', async (t) => {
  for (const damaged of [
    [10],
    [BLOCK + 10, MIB + 10],
    [BLOCK - 30],
    [10, BLOCK + 10, 2 * BLOCK + 10, 3 * BLOCK + 10],
    [2 * BLOCK + 10, 7 * BLOCK + 10, 8 * BLOCK + 10, 15 * BLOCK + 10, MIB + 10],
  ]) {
    const { received, heard, bytes, there } = await move(
      t,
      { LARGE },
      flipping(damaged.map((at) => markAt(LARGE, at))),
    )
    t.deepEqual(received, { LARGE: 'published' }, `${damaged}`)
    t.deepEqual(heard, received)
    t.true(there.LARGE!.equals(LARGE))
    const blocks = damaged.map((at) => Math.min(BLOCK, LARGE.length - Math.floor(at / BLOCK) * BLOCK))
    // damage at the end of a block may strike two
    t.is(bytes, LARGE.length + blocks.reduce((sum, length) => sum + length, 0))
  }
})

test('a file of one block comes again as a whole, alone or among many', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`small${i}`, randomBytes(5000)]))
  const { received, bytes, there } = await move(
    t,
    files,
    flipping([markAt(files.small7!, 100), markAt(files.small39!, 4000)]),
  )
  for (const [path, content] of Object.entries(files)) {
    t.is(received[path], 'published')
    t.true(there[path]!.equals(content))
  }
  t.is(bytes, 42 * 5000)
  const one = { one: randomBytes(200_000) }
  const alone = await move(t, one, flipping([markAt(one.one, 150_000)]))
  t.deepEqual(alone.heard, { one: 'published' })
  t.true(alone.there.one!.equals(one.one))
  t.is(alone.bytes, 400_000)
})

test('by a digest of the whole file the blocks are proved first, and those come again that differ', async (t) => {
  const { received, bytes, there } = await move(t, { LARGE }, flipping([markAt(LARGE, 2 * BLOCK + 5)]), {
    algorithm: 'sha256',
  })
  t.deepEqual(received, { LARGE: 'published' })
  t.true(there.LARGE!.equals(LARGE))
  t.is(bytes, LARGE.length + BLOCK)
})

test('what is damaged each time fails after three rounds, alone, and nothing of it stays', async (t) => {
  const small = randomBytes(3000)
  for (const algorithm of ['blocks', 'sha256'])
    for (const files of [
      { LARGE, after: small },
      { one: small, after: randomBytes(100_000) },
    ] as Record<string, Buffer>[]) {
      const [first] = Object.keys(files)
      const moved = await move(t, files, flipping([markAt(files[first!]!, 1000)], Number.POSITIVE_INFINITY), {
        algorithm,
      })
      t.deepEqual(moved.received, { [first!]: 'failed ERR_DIGEST', after: 'published' })
      t.deepEqual(moved.heard, moved.received)
      t.deepEqual(Object.keys(moved.there), ['after'])
      const block = Math.min(BLOCK, files[first!]!.length)
      t.is(moved.bytes, files[first!]!.length + files.after!.length + 3 * block, `${algorithm} ${first}`)
    }
})

test('a store that takes bytes in ascending order only gets all of a file again', async (t) => {
  const parts = memoryParts()
  const store: PartStore = { begin: (entry) => parts.begin(entry), features: { order: 'ascending' } }
  const { heard, bytes } = await move(t, { LARGE }, flipping([markAt(LARGE, BLOCK + 5)]), { store })
  t.deepEqual(heard, { LARGE: 'published' })
  t.true(parts.files.get('LARGE')!.bytes.equals(LARGE))
  t.is(bytes, 2 * LARGE.length)
})

test('what cannot come again fails: behind a file stage, and of unknown size', async (t) => {
  const stages = { file: [() => mapCuts((cut) => cut)] }
  const staged = await move(t, { LARGE }, flipping([markAt(LARGE, BLOCK + 5)]), { stages })
  t.deepEqual(staged.heard, { LARGE: 'failed ERR_DIGEST' })
  t.deepEqual(Object.keys(staged.there), [])

  const dir = await temporary(t)
  const [near, far] = duplexPair()
  const sender = send(near, manifestFrom(Readable.from([LARGE]), { name: 'stream', algorithm: 'blocks' }))
  const receiver = receive(far, {
    dir,
    accept: 'all',
    stages: { wire: [flipping([markAt(LARGE, BLOCK + 5)])] },
  })
  await Promise.all([
    t.throwsAsync(sender.finished, { code: 'ERR_FILES_FAILED' }),
    t.throwsAsync(receiver.finished, { code: 'ERR_FILES_FAILED' }),
  ])
  t.deepEqual(await readdir(dir), [])
})
