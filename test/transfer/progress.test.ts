import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { Chunker } from '../../lib/digest/chunks.js'
import { blockEngine } from '../../lib/digest/digests.js'
import {
  manifestOf,
  manifestOfEntries,
  memoryParts,
  memorySources,
  type Progress,
  type ReceiveOptions,
  receive,
  send,
} from '../../lib/index.js'
import { type DuplexPairOptions, duplexPair, FakeClock } from '../../lib/testing/index.js'
import { Plan } from '../../lib/transfer/plan.js'
import { ProgressMeter } from '../../lib/transfer/progress.js'
import type { Run } from '../../lib/wire/run.js'
import { temporary } from '../helpers/folders.js'
import { makeOffer } from '../helpers/make-offer.js'

/** A plan of files of these sizes, and what happens when bytes of it pass. */
function sending(sizes: (number | null)[], now: () => number) {
  const head = { id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }
  const entries = sizes.map((size, i) => ({ type: 'file' as const, path: `${i}`, size, mtime: 0, mode: 0 }))
  const plan = new Plan()
  plan.add(makeOffer(head, entries))
  plan.want(sizes.length)
  const meter = new ProgressMeter(plan, now)
  let at = 0
  const pass = (length: number) => {
    for (const piece of plan.take(at, length)) {
      const { position, length, first, last, offset, ends } = piece
      const run: Run = {
        kind: 'run',
        position,
        length,
        buffers: [],
        entries: plan.entries,
        first,
        last,
        offset,
        ends,
      }
      meter.passed(run)
    }
    at += length
  }
  return { plan, meter, pass }
}

test('the rate and the time left come from the bytes of the last seconds', (t) => {
  let now = 0
  const { meter, pass } = sending([100_000], () => now)
  t.is(meter.snapshot().rate, 0)
  t.is(meter.snapshot().eta, null)
  for (let i = 1; i <= 100; i++) {
    pass(100)
    now += 100
  }
  const { rate, eta, bytes, totalBytes, current } = meter.snapshot()
  t.true(Math.abs(rate - 1000) < 50, String(rate))
  t.true(Math.abs(eta! - 90_000) < 5_000, String(eta))
  t.is(bytes, 10_000)
  t.is(totalBytes, 100_000)
  t.deepEqual(current, { path: '0', bytes: 10_000, size: 100_000 })
})

test('a change of speed shows after some seconds', (t) => {
  let now = 0
  const { meter, pass } = sending([100_000], () => now)
  for (let i = 0; i < 1000; i++, now += 10) pass(10)
  for (let i = 0; i < 1000; i++, now += 10) pass(1)
  t.true(meter.snapshot().rate < 150, String(meter.snapshot().rate))
})

test('without a total there is no time left', (t) => {
  let now = 0
  const { meter, pass } = sending([null], () => now)
  pass(5)
  now = 1000
  t.is(meter.snapshot().eta, null)
  t.is(meter.snapshot().totalBytes, null)
  t.deepEqual(meter.snapshot().current, { path: '0', bytes: 5, size: null })
})

test('the files of a plan count when they have their outcome, those that are not wanted never', (t) => {
  const { plan, meter, pass } = sending([5, 5], () => 0)
  pass(10)
  t.like(meter.snapshot(), { files: 0, totalFiles: 2, bytes: 10, totalBytes: 10 })
  plan.close(0)
  t.like(meter.snapshot(), { files: 1, totalFiles: 2 })

  const partly = new Plan()
  partly.add(makeOffer({ id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }, plan.entries))
  partly.skip(1)
  partly.close(0)
  const meterOfPart = new ProgressMeter(partly)
  t.like(meterOfPart.snapshot(), { files: 0, totalFiles: 0, totalBytes: 0 })
  partly.want(1)
  t.like(meterOfPart.snapshot(), { files: 0, totalFiles: 1, totalBytes: 5 })
})

test('bytes that did not have to travel are told apart, and need no time', (t) => {
  let now = 0
  const { plan, meter } = sending([], () => now)
  const head = { id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }
  const claimed = new Plan()
  claimed.add(makeOffer(head, [{ type: 'file', path: 'a', size: 100, mtime: 0, mode: 0 }]))
  claimed.claim([{ start: 0, end: 90 }])
  claimed.prove(0, [{ start: 0, end: 90 }])
  const resumed = new ProgressMeter(claimed, () => now)
  t.is(meter.snapshot().resumedBytes, plan.provedBytes)
  t.like(resumed.snapshot(), { resumedBytes: 90, bytes: 0 })
  now = 1000
  t.is(resumed.snapshot().eta, null)
})

test('what the receiver says that it has is not left to travel, proved or not; what differs is added again', (t) => {
  let now = 0
  const { plan, meter, pass } = sending([], () => now)
  const head = { id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }
  plan.add(makeOffer(head, [{ type: 'file', path: 'a', size: 100, mtime: 0, mode: 0 }]))
  plan.claim([{ start: 20, end: 100 }])
  t.like(meter.snapshot(), { bytes: 0, resumedBytes: 0, left: 20 })
  pass(10)
  now = 1000
  t.like(meter.snapshot(), { bytes: 10, resumedBytes: 0, left: 10, eta: 1000 })
  t.deepEqual(meter.snapshot().current, { path: 'a', bytes: 90, size: 100 })
  pass(10)
  t.is(meter.snapshot().left, 0)
  plan.prove(0, [{ start: 20, end: 60 }])
  plan.ask(0, [{ start: 60, end: 100 }])
  t.like(meter.snapshot(), { bytes: 20, resumedBytes: 40, left: 40 })
  plan.close(0)
  t.is(meter.snapshot().left, 0)
})

const MIB = 1024 * 1024
/** Bytes of a block of a file of some MiB. */
const BLOCK = 64 * 1024

/** What both sides said of how far they were, from the answer on. */
async function followed(
  path: string,
  receiving: Partial<ReceiveOptions>,
  faults: DuplexPairOptions = {},
): Promise<Progress[][]> {
  const [near, far] = duplexPair({ highWaterMark: 64 * 1024, ...faults })
  const sides = [send(near, await manifestOf([path])), receive(far, { accept: 'all', ...receiving })]
  const said = sides.map(() => [] as Progress[])
  for (const [at, side] of sides.entries())
    side.on('progress', (progress) => progress.totalFiles > 0 && said[at]!.push(progress))
  await Promise.allSettled(sides.map(({ finished }) => finished))
  return said
}

test('both sides say the same of what travels and of what was there, however much that was', async (t) => {
  const folder = await temporary(t)
  const dir = await temporary(t)
  const path = join(folder, 'file')
  const content = randomBytes(8 * MIB)
  const changed = Buffer.from(content)
  changed[3 * MIB + 7]! ^= 1
  const longer = Buffer.concat([Buffer.of(1), changed])
  const [first] = new Chunker(longer.length, blockEngine()).take(longer)
  const anew = Math.ceil(first!.length / BLOCK) * BLOCK
  // what is sent, how much of it is there, and what the connection does
  const scenes: [what: string, sent: Buffer, there: number, faults?: DuplexPairOptions][] = [
    ['broken', content, 0, { forth: { cutAfter: 5 * MIB + 500_000 } }],
    ['resumed', content, 5 * MIB + 7 * BLOCK],
    ['identical', content, 8 * MIB],
    ['repaired', changed, 8 * MIB - BLOCK],
    ['updated', longer, longer.length - anew],
  ]
  for (const [what, sent, there, faults] of scenes) {
    // a file that is written anew is another version of it
    if (sent !== content || faults) await writeFile(path, sent)
    const said = await followed(path, { dir, conflict: 'overwrite' }, faults)
    for (const side of said) {
      const last = side.at(-1)!
      t.is(last.totalBytes, sent.length, what)
      t.is(last.resumedBytes, there, what)
      t.is(last.left, faults ? sent.length - last.bytes : 0, what)
      if (!faults) t.is(last.bytes, sent.length - there, what)
      // from the first moment on, what is there is not left to travel
      for (const { left, bytes } of side) t.true(left! + bytes <= sent.length - there, what)
      for (const { current } of side) if (current) t.true(current.bytes >= there - MIB, what)
    }
  }
})

test('while only is checked what is there, both sides say again and again how much of it is', async (t) => {
  const size = 64 * MIB
  const content = randomBytes(size)
  const store = memoryParts()
  const sources = memorySources(new Map([['file', content]]))
  const entries = sources.entries.map((entry) => ({ ...entry, mtime: 0 }))
  for (const isThere of [false, true]) {
    const clock = new FakeClock()
    const [near, far] = duplexPair({ highWaterMark: 64 * 1024 })
    const manifest = manifestOfEntries(entries, sources, { name: 'test', algorithm: 'blocks' })
    const sides = [send(near, manifest, { clock }), receive(far, { store, accept: 'all', clock })]
    const checked = sides.map(() => new Set<number>())
    for (const [at, side] of sides.entries())
      side.on('progress', ({ resumedBytes }) => checked[at]!.add(resumedBytes))
    let isOver = false
    Promise.allSettled(sides.map(({ finished }) => finished)).then(() => {
      isOver = true
    })
    for (; !isOver; await setImmediate()) clock.advance(50)
    for (const of of checked) {
      if (!isThere) t.deepEqual([...of], [0])
      else t.true(of.size > 2 && of.has(size), `${[...of]}`)
    }
  }
})
