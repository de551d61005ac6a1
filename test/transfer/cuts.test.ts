// A connection that breaks at any place, and the same transfer again.
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { manifestOf, receive, send } from '../../lib/index.js'
import { type DuplexPairOptions, duplexPair, randomBySeed, randomContent } from '../../lib/testing/index.js'
import { HEADER_BYTES } from '../../lib/wire/frames.js'
import { listing, plant, temporary } from '../helpers/folders.js'
import { scale } from '../helpers/scale.js'

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * 1024
const LARGEST = scale(3, 30) * 1_000_000

/** 40 files from none to the largest number of bytes: most are small, some have one block, some more. */
const FILES: Record<string, Buffer> = {}
for (let i = 0; i < 40; i++) {
  const size = i < 2 ? 0 : i === 39 ? LARGEST : Math.round(LARGEST ** ((0.87 * i) / 38))
  FILES[`${i % 4}/file ${i}`] = randomContent(size, i)
}
const TOTAL = Object.values(FILES).reduce((sum, { length }) => sum + length, 0)

interface Attempt {
  isComplete: boolean
  /** Bytes of content that came. */
  bytes: number
  totalBytes: number
}

async function attempt(
  from: string,
  dir: string,
  algorithm: string,
  faults: DuplexPairOptions = {},
): Promise<Attempt> {
  const [near, far] = duplexPair({ highWaterMark: 64 * 1024, ...faults })
  const sender = send(near, await manifestOf([from], { algorithm }))
  const receiver = receive(far, { dir, accept: 'all' })
  const isDone = await Promise.all(
    [sender, receiver].map(({ finished }) =>
      finished.then(
        () => true,
        () => false,
      ),
    ),
  )
  const { bytes, totalBytes } = receiver.progress
  return { isComplete: isDone.every((is) => is), bytes, totalBytes: totalBytes ?? 0 }
}

/** Where each frame ends that a sender says, in a transfer that nothing interrupts. */
async function frameEnds(t: ExecutionContext, from: string, algorithm: string): Promise<number[]> {
  const [near, through] = duplexPair({ highWaterMark: 64 * 1024 })
  const [on, far] = duplexPair({ highWaterMark: 64 * 1024 })
  on.pipe(through)
  through.pipe(on)
  const recording = buffer(through)
  const { finished } = receive(far, { dir: await temporary(t), accept: 'all' })
  await send(near, await manifestOf([from], { algorithm })).finished
  await finished
  const bytes = await recording
  const ends = [bytes.indexOf('\x1a\n', 0, 'latin1') + 4]
  while (ends.at(-1)! < bytes.length) {
    const at = ends.at(-1)!
    ends.push(at + HEADER_BYTES + bytes.readUInt32BE(at + 1))
  }
  t.is(ends.at(-1), bytes.length)
  return ends
}

/** Most bytes that may be lost of what has come: of each part its last block, which is all of it below 1 MiB. */
async function openBlocks(dir: string): Promise<number> {
  let bytes = 0
  for (const path of await readdir(dir, { recursive: true })) {
    if (!path.endsWith('.part')) continue
    const { length } = FILES[path.slice('sent/'.length, -'.part'.length)]!
    bytes += Math.min(length > MIB ? BLOCK : length, (await stat(join(dir, path))).size)
  }
  return bytes
}

for (const algorithm of ['blocks', 'sha256'])
  test(`40 files, cut at every frame and at random bytes, arrive with the next attempt, and hardly anything travels twice, by ${algorithm}`, async (t) => {
    t.timeout(scale(1, 60) * 60_000)
    const from = await plant(join(await temporary(t), 'sent'), FILES)
    const whole = await listing(from)
    const ends = await frameEnds(t, from, algorithm)
    const random = randomBySeed(20)
    const step = Math.ceil(ends.length / scale(4, ends.length))
    const cuts = {
      'behind a frame': ends.filter((_, i) => i % step === 0),
      'at any byte': Array.from({ length: scale(4, 500) }, () => Math.floor(random() * ends.at(-1)!)),
    }
    for (const [where, places] of Object.entries(cuts)) {
      let most = 0
      let sum = 0
      for (const cutAfter of places) {
        const dir = await temporary(t)
        const broken = await attempt(from, dir, algorithm, { forth: { cutAfter } })
        const parts = await openBlocks(dir)
        const found = await listing(dir)
        for (const [path, line] of Object.entries(found))
          if (line.startsWith('file') && !/\.part$|^\.sluice/.test(path))
            t.is(line, whole[path.replace(/^sent\//, '')]!, `${path}, cut at ${cutAfter}`)
        const again = await attempt(from, dir, algorithm)
        t.true(again.isComplete, `${cutAfter}`)
        t.deepEqual(await listing(join(dir, 'sent')), whole, `${cutAfter}`)
        t.deepEqual(await readdir(dir), ['sent'], `${cutAfter}`)
        const twice = broken.bytes + again.bytes - again.totalBytes
        // and a run that was on its way
        t.true(twice <= parts + MIB, `cut at ${cutAfter}: ${twice} bytes twice, ${parts} in open blocks`)
        most = Math.max(most, twice)
        sum += twice
        await rm(dir, { recursive: true })
      }
      const mean = Math.round(sum / places.length)
      t.log(`${places.length} cuts ${where}: at most ${most} bytes twice, ${mean} on average, of ${TOTAL}`)
    }
  })
