import test from 'ava'
import type { FileStats } from '../../../lib/files/index.js'
import { identityOf, isPart } from '../../../lib/files/journal/is-part.js'
import type { JournalContent, UnfinishedFile } from '../../../lib/files/journal/read-journal.js'

const HOUR = 3_600_000
/** When the part was announced, by the clock of the disk. */
const AT = 1000 * HOUR
const SIZE = 100

const of = (changes: Partial<FileStats>): FileStats => ({
  isFile: () => true,
  isDirectory: () => false,
  isSymbolicLink: () => false,
  size: 50,
  mode: 0o100600,
  uid: 0,
  gid: 0,
  dev: 1n,
  ino: 7n,
  nlink: 1,
  mtimeMs: AT + 500,
  ctimeMs: AT + 500,
  birthtimeMs: AT + 10,
  ...changes,
})

const PART = { n: 0, path: 'x', target: 'x', part: 'x.part', size: SIZE, mtime: 1, at: AT }
const MADE = { dev: '1', ino: '7', born: AT + 10 }
const JOURNAL = { dev: '1', ino: '3' }

/**
 * What a journal that was written until a second after says of a file, when that is collected, and when it is gone on
 * with.
 */
function judged(
  there: Partial<FileStats>,
  known: Partial<UnfinishedFile> = { made: MADE },
  journalIs: Partial<FileStats> = {},
  says: Partial<JournalContent> = {},
) {
  const stats = of({ ino: 3n, mtimeMs: AT + 1000, ctimeMs: AT + 1000, birthtimeMs: AT - 10, ...journalIs })
  const journal = { journal: JOURNAL, until: AT + 1000, stats, ...says } as JournalContent
  const file = { ...PART, ...known }
  const identity = identityOf(of(there), file, journal)
  const [collected, goneOn] = [false, true].map((mayBeChanged) =>
    isPart(of(there), identity, file, journal, mayBeChanged),
  )
  return [identity, collected, goneOn]
}

test('the file that was made is the part', (t) => {
  t.deepEqual(judged({}), ['very', 'yes', 'yes'])
  // as the journals say it of small files, and where the disk does not say when a file was made
  t.deepEqual(judged({}, { made: { dev: '1', ino: '7' } }), ['same', 'yes', 'yes'])
  t.deepEqual(judged({ birthtimeMs: 0 }), ['same', 'yes', 'yes'])
  t.deepEqual(judged({}, {}), ['unsaid', 'yes', 'yes'])
})

test('no clock that was set makes the very file another one', (t) => {
  // set back after the journal was begun, so that the part is older than it by its times
  const back = { mtimeMs: AT - HOUR, ctimeMs: AT - HOUR, birthtimeMs: AT - 2 * HOUR }
  t.deepEqual(judged(back, { made: { ...MADE, born: AT - 2 * HOUR } }), ['very', 'yes', 'yes'])
  t.deepEqual(judged({ mtimeMs: AT - HOUR, ctimeMs: AT - HOUR }), ['very', 'yes', 'yes'])
  // where the birth is not known it is kept, not forgotten
  t.deepEqual(judged({ ...back, birthtimeMs: 0 }), ['same', 'perhaps', 'perhaps'])
  t.deepEqual(judged(back, { made: { dev: '1', ino: '7' } }), ['same', 'perhaps', 'perhaps'])
})

test('what was changed after its owner died is gone on with, since that is proved, but not removed', (t) => {
  t.deepEqual(judged({ ctimeMs: AT + HOUR, mtimeMs: AT + HOUR }), ['very', 'perhaps', 'yes'])
})

test('a new file with the number of a part that is gone is not the part, whatever its times', (t) => {
  const later = { birthtimeMs: AT + 60_000, ctimeMs: AT + 60_001, mtimeMs: AT + 60_001 }
  t.deepEqual(judged(later), ['other', 'no', 'no'])
  // made in the same second, and by a clock that was set back
  t.deepEqual(judged({ birthtimeMs: AT + 900, ctimeMs: AT + 901 }), ['other', 'no', 'no'])
  t.deepEqual(judged({ birthtimeMs: AT - HOUR, ctimeMs: AT - HOUR + 1 }), ['other', 'no', 'no'])
  // without the birth in the journal nobody knows
  t.deepEqual(judged(later, { made: { dev: '1', ino: '7' } }), ['same', 'perhaps', 'perhaps'])
  t.deepEqual(judged({ ino: 8n }), ['other', 'no', 'no'])
})

test('the very file with a second name, or with more bytes than are to come, is neither removed nor written to', (t) => {
  for (const odd of [{ nlink: 2 }, { size: SIZE + 1 }])
    t.deepEqual(judged(odd), ['very', 'perhaps', 'perhaps'])
  for (const odd of [{ nlink: 2 }, { size: SIZE + 1 }]) t.deepEqual(judged(odd, {}), ['unsaid', 'no', 'no'])
})

const LATER = { ino: 99n, ctimeMs: AT + HOUR, mtimeMs: AT + HOUR, birthtimeMs: AT + HOUR }
const EARLIER = { ino: 99n, ctimeMs: AT - HOUR, mtimeMs: AT - HOUR, birthtimeMs: AT - HOUR }

test('by a journal that is a copy nothing is removed; a file of the name is gone on with if its times are the part’s', (t) => {
  const copy = { ino: 4n }
  t.deepEqual(judged({ ino: 99n }, { made: MADE }, copy), ['copied', 'perhaps', 'yes'])
  t.deepEqual(judged(LATER, { made: MADE }, copy), ['copied', 'perhaps', 'perhaps'])
  t.deepEqual(judged(EARLIER, {}, copy), ['copied', 'perhaps', 'perhaps'])
  t.deepEqual(judged({ ...LATER, size: SIZE + 1 }, {}, copy), ['copied', 'no', 'no'])
})

test('a journal that does not say which file it is, or names another one, was made up: it proves nothing', (t) => {
  const born = { ...JOURNAL, born: AT - 10 }
  t.deepEqual(judged({}, {}, {}, { journal: born }), ['unsaid', 'yes', 'yes'])
  // where the disk does not say when a file was made, its number has to do
  t.deepEqual(judged({}, {}, { birthtimeMs: 0 }, { journal: born }), ['unsaid', 'yes', 'yes'])
  for (const journal of [undefined, { dev: '1', ino: '9' }, { ...JOURNAL, born: AT - 11 }])
    for (const made of [undefined, MADE])
      t.deepEqual(judged({}, { made }, {}, { journal }), ['copied', 'perhaps', 'yes'])
})

test('whatever times a journal claims that was made up, what was there before it, or changed after it, is no part', (t) => {
  const claims = { journal: undefined, until: Number.MAX_SAFE_INTEGER }
  for (const there of [LATER, EARLIER])
    t.deepEqual(judged(there, { at: 0 }, {}, claims), ['copied', 'perhaps', 'perhaps'])
  // a disk that does not say when a file was made says when it was changed
  t.deepEqual(judged(LATER, { at: 0 }, { birthtimeMs: 0 }, claims), ['copied', 'perhaps', 'perhaps'])
  t.deepEqual(judged({}, { at: 0 }, { birthtimeMs: 0 }, claims), ['copied', 'perhaps', 'yes'])
})

test('what stood there before, or was made by others later, is none where the journal never said that one was made', (t) => {
  t.deepEqual(judged({ ctimeMs: AT - HOUR, mtimeMs: AT - HOUR }, {}), ['unsaid', 'no', 'no'])
  t.deepEqual(judged({ ctimeMs: AT + HOUR, mtimeMs: AT + HOUR }, {}), ['unsaid', 'no', 'no'])
  // one that is whole, and was touched since
  t.deepEqual(judged({ size: SIZE, ctimeMs: AT + HOUR }, {}), ['unsaid', 'perhaps', 'perhaps'])
})
