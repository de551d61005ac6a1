// Bits that change on the way, or where they were stored.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { prepareDigest } from '../../lib/digest/digests.js'
import {
  type MemoryParts,
  manifestOfEntries,
  memoryParts,
  memorySources,
  receive,
  send,
} from '../../lib/index.js'
import {
  type DuplexPairOptions,
  duplexPair,
  FakeClock,
  randomBySeed,
  randomContent,
} from '../../lib/testing/index.js'
import { temporary } from '../helpers/folders.js'
import { scale } from '../helpers/scale.js'

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB, and of the largest one of a file that is one block. */
const BLOCK = 64 * 1024
const LARGEST_BLOCK = 200_000
/** Turns of the event loop within which one transfer ends. */
const MOST_TURNS = 20_000

type Files = Map<string, Buffer>
const few: Files = new Map([
  ['large', randomContent(2 * MIB + 100_000, 1)],
  ['one block', randomContent(LARGEST_BLOCK, 2)],
  ['small', randomContent(900, 3)],
  ['empty', Buffer.alloc(0)],
])
/** Of these most of what is said is not content. */
const many: Files = new Map(
  Array.from({ length: 40 }, (_, n) => [`folder ${n % 3}/${n}`, randomContent(n * 3, n)]),
)

const total = (files: Files) => Array.from(files.values()).reduce((sum, { length }) => sum + length, 0)

/** One attempt, and what came of it: whether both sides call it done, and how many bytes of content came. */
async function attempt(
  files: Files,
  to: { store: MemoryParts } | { dir: string },
  algorithm: string,
  faults: DuplexPairOptions = {},
  watch: (near: Duplex, far: Duplex) => void = () => {},
): Promise<{ isComplete: boolean; bytes: number; codes: string }> {
  const sources = memorySources(files)
  const clock = new FakeClock()
  const [near, far] = duplexPair({ highWaterMark: 64 * 1024, ...faults })
  watch(near, far)
  const entries = sources.entries.map((entry) => ({ ...entry, mtime: 0 }))
  const sender = send(near, manifestOfEntries(entries, sources, { name: 'test', algorithm }), { clock })
  const receiver = receive(far, { ...to, accept: 'all', clock })
  const end = ({ finished }: typeof sender) =>
    finished.then(
      () => 'completed',
      ({ code }) => code as string,
    )
  const both = Promise.all([end(sender), end(receiver)])
  let isOver = false
  both.then(() => {
    isOver = true
  })
  for (let turn = 1; !isOver; turn++) {
    // a disk takes its time, memory does not
    if ('store' in to) {
      if (turn > MOST_TURNS)
        throw new Error(`it hangs: ${sender.state} ${receiver.state}, ${JSON.stringify(faults)}`)
      if (turn % 50 === 0) clock.advance(6000)
    }
    await setImmediate()
  }
  const codes = (await both).join(' ')
  return { isComplete: codes === 'completed completed', bytes: receiver.progress.bytes, codes }
}

/** How many bytes each side says in a transfer to which nothing happens. */
async function saidIn(files: Files, algorithm: string): Promise<{ forth: number; back: number }> {
  const said = { forth: 0, back: 0 }
  const count = (way: 'forth' | 'back', end: Duplex) => {
    const write = end.write.bind(end)
    end.write = (chunk: Buffer, ...rest: never[]) => {
      said[way] += chunk.length
      return write(chunk, ...rest)
    }
  }
  await attempt(files, { store: memoryParts() }, algorithm, {}, (near, far) => {
    count('forth', near)
    count('back', far)
  })
  return said
}

/** What has a name is what was sent; all of it, in the end. */
function check(t: ExecutionContext, store: MemoryParts, files: Files, what: string): void {
  for (const [path, file] of store.files) {
    const sent = files.get(path)
    if (!sent?.equals(file.bytes)) t.fail(`${path} is wrong: ${what}`)
  }
}

for (const [what, files] of Object.entries({ few, many }))
  for (const algorithm of ['blocks', 'sha256'])
    test(`a bit that is flipped on the way makes no wrong file, and costs two blocks at most: ${what} files, ${algorithm}`, async (t) => {
      t.timeout(scale(2, 30) * 60_000)
      await prepareDigest(algorithm)
      const random = randomBySeed(files.size)
      const ends: Record<string, number> = {}
      let mostRepaired = 0
      const said = await saidIn(files, algorithm)
      for (let n = 0; n < scale(12, 2000); n++) {
        const way = n % 4 === 0 ? 'back' : 'forth'
        const flip = Math.floor(random() * 8 * said[way])
        const store = memoryParts()
        const faults = {
          [way]: { flips: [flip], ...(n % 3 === 0 && { pieces: 'random' as const, seed: n }) },
        }
        const it = `bit ${flip} ${way}`
        let { isComplete, bytes, codes } = await attempt(files, { store }, algorithm, faults)
        check(t, store, files, it)
        ends[codes] = (ends[codes] ?? 0) + 1
        for (let again = 1; !isComplete && again < 3; again++) {
          const next = await attempt(files, { store }, algorithm)
          isComplete = next.isComplete
          bytes += next.bytes
        }
        t.true(isComplete, it)
        check(t, store, files, it)
        t.is(store.files.size, files.size, it)
        const repaired = bytes - total(files)
        t.true(repaired <= LARGEST_BLOCK + BLOCK, `${it}: ${repaired} bytes came again`)
        mostRepaired = Math.max(mostRepaired, repaired)
      }
      t.log(`at most ${mostRepaired} bytes came again; both sides ended ${JSON.stringify(ends)}`)
    })

for (const algorithm of ['blocks', 'sha256'])
  test(`a bit that is flipped in a part makes no wrong file, and costs a block: ${algorithm}`, async (t) => {
    t.timeout(scale(2, 30) * 60_000)
    await prepareDigest(algorithm)
    const random = randomBySeed(7)
    for (let n = 0; n < scale(6, 1000); n++) {
      const dir = await temporary(t)
      // somewhere in the content, behind the first byte
      const cutAfter = 2000 + Math.floor(random() * 2 * MIB)
      const broken = await attempt(few, { dir }, algorithm, { forth: { cutAfter } })
      const name = (await readdir(dir)).find((path) => path.endsWith('.part'))!
      const part = await readFile(join(dir, name))
      const bit = Math.floor(random() * part.length * 8)
      part[bit >> 3]! ^= 1 << (bit & 7)
      await writeFile(join(dir, name), part)
      const again = await attempt(few, { dir }, algorithm)
      const it = `bit ${bit} of ${name}, cut after ${cutAfter}`
      t.true(again.isComplete, it)
      t.deepEqual((await readdir(dir)).sort(), [...few.keys()].sort(), it)
      for (const [path, content] of few) t.true((await readFile(join(dir, path))).equals(content), it)
      const repaired = broken.bytes + again.bytes - total(few)
      // that one, and the one that was open
      t.true(repaired <= 2 * BLOCK, `${it}: ${repaired} bytes came again`)
      await rm(dir, { recursive: true })
    }
  })
