import test from 'ava'
import {
  type Interrupted,
  interruptedText,
  noteLines,
  summaryOf,
} from '../../../../lib/cli/ui/words/summary.js'
import { Tally } from '../../../../lib/cli/ui/words/tally.js'
import { SluiceError } from '../../../../lib/errors.js'
import type { Progress } from '../../../../lib/transfer/progress.js'
import { makeOffer } from '../../../helpers/make-offer.js'

/** Of three files the first has its outcome. */
const PROGRESS = {
  files: 1,
  totalFiles: 3,
  others: 0,
  totalOthers: 0,
  bytes: 30,
  totalBytes: 830,
  resumedBytes: 0,
  left: 800,
  rate: 100,
  eta: 5000,
  current: null,
}

test('an interruption says how much of what is there, by what each side knows', (t) => {
  const failure = new SluiceError('ERR_INTERRUPTED', '')
  const sizes = [30, 400, 400]
  const files = sizes.map((size, n) => ({
    type: 'file' as const,
    path: `in/${n}.bin`,
    size,
    mtime: 0,
    mode: 0,
  }))
  const { entries } = makeOffer({ id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }, files)
  const text = (progress: Partial<Progress>, isSender = false, error = failure) => {
    const tally = new Tally()
    tally.add({ first: 0, last: 0, status: 'published' }, entries)
    const all = { ...PROGRESS, bytes: 830 - (progress.left ?? 0), ...progress }
    return interruptedText(error, tally, { where: 'in d/', progress: all, isSender, isStopped: true })
  }
  const current = { path: 'in/1.bin', bytes: 224, size: 400 }
  const end = 'Run the same commands again for the rest'
  t.is(text({ left: 576, current }), `stopped before the end; 1 file in d/; 224 B of 1.bin kept. ${end}`)
  t.is(
    text({ left: 576, current }, true),
    `stopped before the end; 1 file in d/; up to 224 B of 1.bin kept. ${end}`,
  )
  t.regex(text({ left: 566, totalFiles: 2, current }, true)!, /; up to 234 B of 1.bin kept/)
  // of several files, or before anything of one came
  t.is(
    text({ left: 376, current }),
    `stopped before the end; 1 file in d/; 424 B of unfinished files kept. ${end}`,
  )
  t.is(text({ left: 800, current: null }), `stopped before the end; 1 file in d/. ${end}`)
  // a stream begins anew
  t.is(text({ totalBytes: null, left: null, current }), `stopped before the end; 1 file in d/. ${end}`)
  t.is(text({ left: 576, current }, false, new SluiceError('ERR_REJECTED', '')), undefined)
})

test('what was there before an interrupted transfer is not called unfinished: it may be whole', (t) => {
  const failure = new SluiceError('ERR_INTERRUPTED', '')
  const sizes = [400, 400, 30]
  const files = sizes.map((size, n) => ({ type: 'file' as const, path: `${n}`, size, mtime: 0, mode: 0 }))
  const { entries } = makeOffer({ id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }, files)
  const text = (tally: Tally, progress: Partial<Progress>) =>
    interruptedText(failure, tally, {
      where: 'in d/',
      progress: { ...PROGRESS, ...progress },
      isStopped: true,
    })
  const end = 'Run the same commands again for the rest'
  // two stand there whole, of the third came a part
  t.is(
    text(new Tally(), { files: 0, bytes: 10, left: 20, current: { path: '2', bytes: 10, size: 30 } }),
    `stopped before the end; no new whole file in d/; 810 B of unfinished or unchecked files kept. ${end}`,
  )
  // all is there, and half of it was compared
  t.is(
    text(new Tally(), { files: 0, totalFiles: 1, totalBytes: 400, bytes: 0, resumedBytes: 200, left: 0 }),
    `stopped before the end; no new whole file in d/; 400 B of unfinished or unchecked files kept. ${end}`,
  )
  const tally = new Tally()
  tally.add({ first: 0, last: 1, status: 'skipped', reason: 'identical' }, entries)
  t.is(
    text(tally, {
      files: 2,
      bytes: 10,
      resumedBytes: 800,
      left: 20,
      current: { path: '2', bytes: 10, size: 30 },
    }),
    `stopped before the end; no new whole file in d/, 2 files there already; 10 B of 2 kept. ${end}`,
  )
})

test('how a transfer ended, and what to run again: both sides, or the other one, and with which ticket', (t) => {
  const lost = new SluiceError('ERR_INTERRUPTED', 'the connection was reset')
  const cancelled = new SluiceError('ERR_CANCELLED', 'cancelled here', { found: 'here' })
  const text = (at: Partial<Interrupted>, error = lost) =>
    interruptedText(error, new Tally(), { where: 'in d/', progress: { ...PROGRESS, left: null }, ...at })
  const what = 'before the end; no new whole file in d/.'
  t.is(text({}), `the sender went away ${what} Run the same commands again for the rest`)
  t.is(text({ isSender: true }), `the receiver went away ${what} Run the same commands again for the rest`)
  t.is(text({}, cancelled), `cancelled ${what} Run the same commands again for the rest`)
  const byPeer = new SluiceError('ERR_CANCELLED', 'cancelled by the peer', { found: 'by the peer' })
  t.is(text({}, byPeer), `cancelled by the sender ${what} Run the same commands again for the rest`)
  t.is(
    text({ isSender: true, isOneOfMany: true }, byPeer),
    `cancelled by the receiver ${what} Run the receiver again for the rest`,
  )
  t.is(
    text({ gone: 'the stream ended' }),
    `the stream ended ${what} Run the same commands again for the rest`,
  )
  t.is(
    text({ isOneOfMany: true, ticket: 'printed' }),
    `the sender went away (the connection was reset) ${what} Run the sender again for the rest`,
  )
  t.is(
    text({ isOneOfMany: true, isSender: true }),
    `the receiver went away (the connection was reset) ${what} Run the receiver again for the rest`,
  )
  t.is(
    text({ isOneOfMany: true, ticket: 'printed', isStopped: true }),
    `stopped ${what} Run it again for the rest, and the other side with the new ticket`,
  )
  t.is(
    text({ ticket: 'given' }),
    `the sender went away ${what} Run it again for the rest, with a new ticket if the other side was started again`,
  )
})

test('what a transfer did: files and folders are counted apart, and what was over at once has no rate', (t) => {
  const files = [
    { type: 'directory' as const, path: 'd', size: null, mtime: 0, mode: 0 },
    { type: 'file' as const, path: 'd/a', size: 5000, mtime: 0, mode: 0 },
    { type: 'file' as const, path: 'd/b', size: 5000, mtime: 0, mode: 0 },
  ]
  const { entries } = makeOffer({ id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }, files)
  const tally = new Tally()
  tally.add({ first: 0, last: 1, status: 'published' }, entries)
  t.is(summaryOf(tally, 'sent', { bytes: 5000, took: 2000 }), '1 file, 1 folder sent (5 kB, 2.5 kB/s)')
  t.is(summaryOf(tally, 'sent', { bytes: 5000, took: 999 }), '1 file, 1 folder sent (5 kB)')
  t.is(summaryOf(tally, 'sent', { bytes: 999, took: 2000 }), '1 file, 1 folder sent (999 B)')
  tally.add({ first: 2, last: 2, status: 'skipped', reason: 'identical' }, entries)
  t.is(
    summaryOf(tally, 'sent', { bytes: 5000, took: 0 }),
    '1 file, 1 folder sent (5 kB); 1 file there already',
  )
  const folderOnly = new Tally()
  folderOnly.add({ first: 0, last: 0, status: 'published' }, entries)
  folderOnly.add({ first: 1, last: 2, status: 'skipped', reason: 'identical' }, entries)
  const wereThere = { bytes: 0, resumedBytes: 10_000, took: 0 }
  t.is(
    summaryOf(folderOnly, 'in d/', wereThere),
    '1 folder in d/ (0 B; 10 kB were there); 2 files there already',
  )
  const again = new Tally()
  again.add({ first: 0, last: 2, status: 'skipped', reason: 'identical' }, entries)
  t.is(
    summaryOf(again, 'in d/', wereThere),
    'nothing new in d/ (0 B; 10 kB were there); 2 files, 1 folder there already',
  )
  const mixed = new Tally(() => 3)
  mixed.add({ first: 0, last: 0, status: 'skipped', reason: 'identical' }, entries)
  mixed.add({ first: 1, last: 1, status: 'failed', code: 'ERR_SOURCE_READ' }, entries)
  mixed.add({ first: 2, last: 2, status: 'failed', code: 'ERR_DISK_FULL' }, entries)
  t.is(
    summaryOf(mixed, 'in d/', { bytes: 0, took: 0 }),
    'nothing new in d/ (0 B); 1 folder there already; 3 left out; 1 could not be read; 1 file failed',
  )
})

test('in a watch folders that are there are no news, and a transfer without news needs no line', (t) => {
  const { entries } = makeOffer({ id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }, [
    { type: 'directory', path: 'd', mtime: 0, mode: 0, size: 0 },
    { type: 'file', path: 'd/a', size: 5, mtime: 0, mode: 0 },
  ])
  const next = new Tally(() => 0, true)
  t.false(next.hasNews)
  next.add({ first: 0, last: 0, status: 'skipped', reason: 'identical' }, entries)
  t.false(next.hasNews)
  next.add({ first: 1, last: 1, status: 'published' }, entries)
  t.true(next.hasNews)
  t.is(summaryOf(next, 'sent', { bytes: 5, took: 0 }), 'd/a sent (5 B)')
  const failed = new Tally(() => 0, true)
  failed.add({ first: 1, last: 1, status: 'failed', code: 'ERR_DISK_FULL' }, entries)
  t.true(failed.hasNews)
  t.true(new Tally().hasNews)
})

test('what an earlier transfer saved under another name is not saved so again: it is there', (t) => {
  const file = { type: 'file' as const, path: 'b', size: 5, mtime: 0, mode: 0 }
  const { entries } = makeOffer({ id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }, [file])
  const lines = (status: 'published' | 'skipped') => {
    const tally = new Tally()
    const outcome = { entry: entries[0]!, path: 'b', status, name: 'b_1' }
    tally.add({ first: 0, last: 0, status, except: new Map([[0, outcome]]) }, entries)
    return noteLines(tally)
  }
  t.deepEqual(lines('published'), [
    'b: the name was taken, so that it was saved as b_1',
    'what becomes of a name that is taken is said by --conflict at the receiver',
  ])
  t.deepEqual(lines('skipped'), ['b: it is there already, as b_1'])
})

test('of what has changed the names are said where they are few', (t) => {
  const said = (paths: string[], isNext = true) => {
    const entries = paths.map((path) => ({
      type: path.endsWith('/') ? ('directory' as const) : ('file' as const),
      path: path.replace(/\/$/, ''),
      size: path.endsWith('/') ? 0 : 1,
      mtime: 0,
      mode: 0,
    }))
    const offer = makeOffer({ id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }, entries)
    const tally = new Tally(() => 0, isNext)
    tally.add({ first: 0, last: entries.length - 1, status: 'published' }, offer.entries)
    return summaryOf(tally, 'sent', { bytes: 3, took: 0 })
  }
  t.is(said(['a']), 'a sent (3 B)')
  t.is(said(['new/', 'new/a', 'b\u001b', 'c']), 'new/a, b\\u{1b}, c sent (3 B)')
  t.is(said(['new/', 'new/in/']), 'new/, new/in/ sent (3 B)')
  t.is(said(['a', 'b', 'c', 'd']), '4 files sent (3 B)')
  t.is(said(['a'], false), '1 file sent (3 B)')
})

test('of very many that got another name only the first are kept, and said', (t) => {
  const entries = Array.from({ length: 1000 }, (_, n) => ({
    type: 'file' as const,
    path: `${n}`,
    size: 1,
    mtime: 0,
    mode: 0,
  }))
  const offer = makeOffer({ id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }, entries)
  const tally = new Tally()
  const except = new Map(
    offer.entries.map((entry) => [
      entry.index,
      { entry, path: entry.path, status: 'published' as const, name: `${entry.path}_1` },
    ]),
  )
  tally.add({ first: 0, last: 999, status: 'published', except }, offer.entries)
  const lines = noteLines(tally)
  t.is(lines.length, 22)
  t.is(lines.at(-2), 'and 980 more have other names; --log FILE keeps all of them')
})
