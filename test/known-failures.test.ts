// KNOWN-FAILURES (CASES.md), 1 to 33, as far as they concern what is built here. Most have their test
// beside what they concern, with the number in its title; this file holds the others, and says why some cannot happen.
//
//  2 empty files and folders: the trees of session.test.ts and recording.test.ts hold some.
//  3, 5, 25 resume: transfer/resume.test.ts. Both sides agree on it by the plan, and what is there is proved.
//  4, 6 the journal decides nothing: it names parts. How much of them is there says the disk, and whether it is right
//      the digest.
// 14 a retry path that never ran: transfer/repair.test.ts.
// 20 an I/O error removes no part but that of the file whose digest was compared and did not match.
// 21 code phrases: there are none.
// 24 "read n bytes": every stage gets its input byte by byte in its tests.
// 26, 27, 28 pause and attach: transfer/control.test.ts. Cancelling is tested in session.test.ts.
// 34 one-to-many is a later issue.

import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import type { SluiceError } from '../lib/errors.js'
import { deframer } from '../lib/stages/deframer.js'
import { demuxer } from '../lib/stages/demuxer.js'
import { type FinalizerOptions, finalizer } from '../lib/stages/finalizer.js'
import { framer } from '../lib/stages/framer.js'
import { hashTap } from '../lib/stages/hash-tap.js'
import { manifestOf } from '../lib/stages/manifest/manifest-of.js'
import { partSink } from '../lib/stages/part-sink.js'
import { MemoryDisk } from '../lib/testing/disk/memory-disk.js'
import { type Content, itemsOf } from './helpers/items.js'
import { scale } from './helpers/scale.js'

async function disk(files: Record<string, string> = {}): Promise<MemoryDisk> {
  const made = new MemoryDisk()
  await made.mkdir('/in')
  for (const [path, text] of Object.entries(files)) await put(made, path, text)
  return made
}

async function put(on: MemoryDisk, path: string, text: string): Promise<void> {
  const parents = path.split('/').slice(0, -1)
  for (let i = 1; i <= parents.length; i++)
    await on.mkdir(`/in/${parents.slice(0, i).join('/')}`).catch(() => {})
  const { O_CREAT, O_WRONLY } = (await import('node:fs')).constants
  const fd = await on.open(`/in/${path}`, O_CREAT | O_WRONLY, 0o644)
  await on.write(fd, [Buffer.from(text)], 0)
  await on.close(fd)
}

function files(of: MemoryDisk): Record<string, string> {
  return Object.fromEntries(
    Array.from(of.snapshot(), ([path, bytes]) => [path.replace('/in/', ''), bytes.toString('latin1')]),
  )
}

const bytesOf = (content: Content) => buffer(Readable.from(itemsOf(content)).pipe(framer()))

async function arrive(bytes: Buffer, fs: MemoryDisk, options: FinalizerOptions = {}) {
  const last = finalizer(options)
  await pipeline(Readable.from([bytes]), deframer(), demuxer(), hashTap(), partSink({ dir: '/in', fs }), last)
  return last.outcomes
}

test('KNOWN-FAILURES 1: a file whose content looks like a table of ours is a file', async (t) => {
  const fs = await disk()
  const content = { 'digests.json': Buffer.from('{"a":"b"}'), '.sluice.json': Buffer.from('{}') }
  await arrive(await bytesOf(content), fs)
  t.deepEqual(files(fs), { 'digests.json': '{"a":"b"}', '.sluice.json': '{}' })
})

test('KNOWN-FAILURES 6: what was published and is gone comes again', async (t) => {
  const fs = await disk()
  const bytes = await bytesOf({ a: Buffer.from('a'), b: Buffer.from('b') })
  await arrive(bytes, fs)
  await fs.unlink('/in/a')
  const outcomes = await arrive(bytes, fs)
  t.deepEqual(files(fs), { a: 'a', b: 'b' })
  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['published', 'skipped'],
  )
})

test('KNOWN-FAILURES 8: a corrupt file does not take the place of a good one, whatever the policy', async (t) => {
  for (const conflict of ['overwrite', 'replace', 'rename'] as const) {
    const fs = await disk({ a: 'the good one' })
    const bytes = await bytesOf({ a: Buffer.from('hello'), b: Buffer.from('other') })
    bytes[bytes.indexOf('hello')]! ^= 1
    const error = await t.throwsAsync(arrive(bytes, fs, { conflict }), { code: 'ERR_FILES_FAILED' })
    t.like((error as SluiceError).outcomes![0], { status: 'failed', error: { code: 'ERR_DIGEST' } })
    t.deepEqual(files(fs), { a: 'the good one', b: 'other' })
  }
})

test('KNOWN-FAILURES 12: a file and one that is called like its part arrive both, and so does one called like our folder', async (t) => {
  const content = {
    x: Buffer.from('1'),
    'x.part': Buffer.from('2'),
    'x.part.part': Buffer.from('3'),
    '.sluice': null,
    '.sluice/journal': Buffer.from('4'),
    'x.1.part': Buffer.from('5'),
  }
  const fs = await disk()
  await arrive(await bytesOf(content), fs)
  t.deepEqual(files(fs), {
    x: '1',
    'x.part': '2',
    'x.part.part': '3',
    '_.sluice/journal': '4',
    'x.1.part': '5',
  })
})

test('KNOWN-FAILURES 12: two arguments with one base name are refused', async (t) => {
  const fs = await disk({ 'a/x': '1', 'b/x': '2' })
  await t.throwsAsync(manifestOf(['/in/a/x', '/in/b/x'], { fs }), { code: 'ERR_DUPLICATE_NAME' })
})

test('KNOWN-FAILURES 13: two dots within a name are a name; a link in place of a folder is not followed', async (t) => {
  const fs = await disk()
  await arrive(await bytesOf({ 'a..b': Buffer.from('1'), '..c/d..': Buffer.from('2') }), fs)
  t.deepEqual(files(fs), { 'a..b': '1', '..c/d..': '2' })
  await fs.mkdir('/outside')
  await fs.symlink('/outside', '/in/dir')
  await t.throwsAsync(arrive(await bytesOf({ 'dir/x': Buffer.from('3') }), fs), { code: 'ERR_UNSAFE_LINK' })
  t.deepEqual(files(fs), { 'a..b': '1', '..c/d..': '2' })
})

test('KNOWN-FAILURES 22: the number of files changes nothing of the policy', async (t) => {
  const number = scale(600, 6000)
  const content = Object.fromEntries(
    Array.from({ length: number }, (_, i) => [`file ${i}`, Buffer.from(`${i}`)]),
  )
  const fs = await disk(Object.fromEntries(Object.keys(content).map((path) => [path, 'mine'])))
  await arrive(await bytesOf(content), fs)
  const found = files(fs)
  t.is(Object.keys(found).length, 2 * number)
  for (let i = 0; i < number; i++) {
    if (found[`file ${i}`] !== 'mine' || found[`file ${i}_1`] !== `${i}`) t.fail(`file ${i}`)
  }
})

test('KNOWN-FAILURES 31: a conflict is looked up in the folder of the file', async (t) => {
  const fs = await disk({ 'd/a': 'mine', b: 'mine too' })
  await arrive(await bytesOf({ d: null, 'd/a': Buffer.from('1'), 'd/b': Buffer.from('2') }), fs)
  t.deepEqual(files(fs), { 'd/a': 'mine', 'd/a_1': '1', 'd/b': '2', b: 'mine too' })
})
