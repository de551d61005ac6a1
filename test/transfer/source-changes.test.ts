// A file that changes while it is sent: whenever that is, it fails or arrives as it was, and the others go on.
import { Transform } from 'node:stream'
import test from 'ava'
import { OPEN } from '../../lib/files/disk/fs.js'
import { type MemoryParts, manifestOf, memoryParts, receive, send, type WireStage } from '../../lib/index.js'
import { duplexPair, MemoryDisk, randomContent } from '../../lib/testing/index.js'
import { scale } from '../helpers/scale.js'

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * 1024
const LARGE = randomContent(2 * MIB + 1000)
const SMALL = randomContent(3000, 2)
const OTHERS = { a: SMALL.subarray(1), b: SMALL.subarray(2), z: SMALL.subarray(3) }
/** Where bytes are written over: a file that has one of them and not the other is of two times. */
const [FIRST, LAST] = [5, 17]

/** The disk of a sender, its clock goes on with each look. */
function sending(content: Buffer) {
  let now = 1000
  const fs = new MemoryDisk({ now: () => now++ })
  for (const [path, bytes] of Object.entries({ ...OTHERS, m: content })) fs.put(`/p/${path}`, bytes)
  return fs
}

/** Changes the file as it stands: at once, since it may be done from within another call. */
function inPlace(fs: MemoryDisk, act: (fd: number) => unknown): void {
  const calls = fs.sync!
  const fd = calls.open('/p/m', OPEN.update)
  act(fd)
  calls.close(fd)
}

const overwrite = (fs: MemoryDisk, size: number) =>
  inPlace(fs, (fd) => {
    fs.sync!.write(fd, [Buffer.from('!')], FIRST)
    fs.sync!.write(fd, [Buffer.from('!')], size - LAST)
  })

/** Who has it open reads it as it was. */
const IS_STILL_THERE = ['is exchanged for another one', 'vanishes']

const CHANGES: Record<string, (fs: MemoryDisk, content: Buffer) => unknown> = {
  'is cut': (fs, { length }) => inPlace(fs, (fd) => fs.ftruncate(fd, Math.floor(length / 2))),
  grows: (fs, { length }) => inPlace(fs, (fd) => fs.sync!.write(fd, [Buffer.from('more')], length)),
  'is exchanged for another one': (fs, { length }) => {
    fs.put('/q', randomContent(length, 3))
    fs.sync!.rename('/q', '/p/m')
  },
  'is touched': (fs) => inPlace(fs, (fd) => fs.sync!.futimes(fd, 99, 99)),
  'is written to': (fs, { length }) => overwrite(fs, length),
  'is written to, and its time put back': (fs, { length }) => {
    const { mtimeMs } = fs.sync!.lstat('/p/m')
    overwrite(fs, length)
    inPlace(fs, (fd) => fs.sync!.futimes(fd, mtimeMs / 1000, mtimeMs / 1000))
  },
  vanishes: (fs) => fs.remove('/p/m'),
}

/** Flips a byte of some blocks of the file, the first time that they come. */
function damaging(content: Buffer): WireStage {
  const marks = [100, BLOCK + 100, MIB + 100].map((at) => content.subarray(at, at + 24))
  return {
    incoming: () =>
      new Transform({
        transform(chunk: Buffer, _encoding, done) {
          const bytes = Buffer.from(chunk)
          for (const mark of [...marks]) {
            const at = bytes.indexOf(mark)
            if (at < 0) continue
            marks.splice(marks.indexOf(mark), 1)
            bytes[at]! ^= 1
          }
          done(null, bytes)
        },
      }),
  }
}

/** Sends the folder; gives what became of each file, as both sides say. */
async function move(
  fs: MemoryDisk,
  store: MemoryParts,
  algorithm: string,
  more: { wire?: WireStage; cutAfter?: number } = {},
) {
  const { wire, cutAfter } = more
  const [near, far] = duplexPair({
    highWaterMark: 64 * 1024,
    ...(cutAfter !== undefined && { forth: { cutAfter } }),
  })
  const manifest = await manifestOf(['/p'], { fs, algorithm })
  const sides = [
    send(near, manifest),
    receive(far, { store, accept: 'all', ...(wire && { stages: { wire: [wire] } }) }),
  ]
  const [heard, said] = await Promise.all(
    sides.map(({ finished }) =>
      finished.then(
        ({ files }) => files,
        ({ outcomes = [] }) => outcomes as Awaited<typeof finished>['files'],
      ),
    ),
  )
  const told = (files: typeof said) =>
    Object.fromEntries(files!.map(({ path, status, code }) => [path, code ?? status]))
  return { heard: told(heard), said: told(said) }
}

const SITUATIONS: Record<string, (content: Buffer) => { cutAfter?: number; wire?: () => WireStage }> = {
  sent: () => ({}),
  'sent and repaired': (content) => ({ wire: () => damaging(content) }),
  'gone on with': () => ({ cutAfter: 1_700_000 }),
  'gone on with and repaired': (content) => ({ cutAfter: 1_700_000, wire: () => damaging(content) }),
}

for (const [size, content] of Object.entries({ large: LARGE, small: SMALL }))
  for (const [situation, make] of Object.entries(SITUATIONS)) {
    if (size === 'small' && situation !== 'sent') continue
    test(`a ${size} file that changes at any moment while it is ${situation} fails, or arrives as it was at one time`, async (t) => {
      for (const [what, act] of Object.entries(CHANGES))
        for (const algorithm of ['blocks', 'sha256'].slice(0, scale(1, 2))) {
          let failed = 0
          for (let moment = 0, isOver = false; !isOver; moment += scale(5, 1)) {
            const fs = sending(content)
            const store = memoryParts()
            const { cutAfter, wire } = make(content)
            if (cutAfter !== undefined) await move(fs, store, algorithm, { cutAfter })
            let looks = -1
            let changed: Buffer | undefined
            fs.hook = ({ call, path }) => {
              // the first looks are those of the manifest
              if (path !== '/p/m' || !['open', 'read', 'fstat'].includes(call) || looks++ !== moment) return
              fs.hook = undefined
              act(fs, content)
              changed = fs.snapshot().get('/p/m')
            }
            const { heard, said } = await move(fs, store, algorithm, wire && { wire: wire() })
            const about = `${what} at ${moment}, ${algorithm}`
            isOver = fs.hook !== undefined
            const { 'p/m': outcome, ...others } = said
            // of those that an earlier one brought, it says that they are there
            for (const other of Object.values(others)) t.regex(other, /^(published|skipped)$/, about)
            t.is(Object.keys(others).length, 4)
            t.is(heard['p/m'], outcome, about)
            if (outcome === 'published') {
              const { bytes } = store.files.get('p/m')!
              t.true(bytes.equals(content) || (changed !== undefined && bytes.equals(changed)), about)
            } else {
              t.is(outcome, 'ERR_SOURCE_CHANGED', about)
              t.false(store.files.has('p/m'), about)
              failed++
            }
          }
          if (!IS_STILL_THERE.includes(what)) t.true(failed > 0, `${what}, ${algorithm}`)
        }
    })
  }
