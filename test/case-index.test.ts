import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'

// Where each case of CASES.md is tested: the number, the file below test/, and a part of the title, or of the line of
// data. ATTACKS.md and FEATURES.md say that themselves. A line that leads nowhere fails, so that the lists hold.

const DATA = 'fixtures/hostile.ts'
const ALL_DATA: [number, string, string][] = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 25, 26],
  ...[32, 33, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 47, 48, 49, 61],
].map((number) => [number, DATA, `(${number}, `])

/** HOSTILE-INPUT, 1 to 70. */
const HOSTILE: [number, string, string][] = [
  ...ALL_DATA,
  [21, 'stores/disk/reserved-names.test.ts', 'nothing of a peer lands in what is ours'],
  [21, 'stages/part-sink.test.ts', 'HOSTILE-INPUT 21'],
  [24, 'stages/part-sink.test.ts', 'HOSTILE-INPUT 24'],
  [27, 'stages/finalizer.test.ts', 'HOSTILE-INPUT 27'],
  [28, 'known-failures.test.ts', 'a link in place of a folder is not followed'],
  [29, 'files/tree/tree.test.ts', 'swapped for a link between any two calls'],
  [30, 'files/part/part-file.test.ts', 'HOSTILE-INPUT 30'],
  [31, 'stages/finalizer.test.ts', '27, 31'],
  [34, 'stages/part-sink.test.ts', 'HOSTILE-INPUT 1, 34'],
  [46, 'stages/framer.test.ts', 'HOSTILE-INPUT 46'],
  [50, 'recording.test.ts', 'a session that is cut off at any offset is interrupted'],
  [51, 'stages/finalizer.test.ts', 'HOSTILE-INPUT 51'],
  [52, 'stages/finalizer.test.ts', 'what does not match its digest gets no name'],
  [52, 'transfer/repair.test.ts', 'what is damaged each time fails after three rounds, alone'],
  [52, 'cli/parts.test.ts', "t.is(failed('ERR_SOURCE_READ', 'ERR_DIGEST'), 5)"],
  [53, 'session.test.ts', 'a handshake that stalls'],
  [54, 'session.test.ts', 'a silent peer is given up'],
  [55, 'transfer/hostile-peer.test.ts', 'HOSTILE-INPUT 55'],
  [56, 'cli/cli.test.ts', 'HOSTILE-INPUT 56'],
  [57, 'stages/compression.test.ts', 'a compression bomb'],
  [58, 'wire/messages.test.ts', 'HOSTILE-INPUT 58'],
  [59, 'transfer/resume.test.ts', 'what was damaged in the part since then comes again'],
  [59, 'stores/disk/claims.test.ts', "['truncated', "],
  [60, 'stores/disk/claims.test.ts', "['made longer than the file', "],
  [61, 'transfer/sender-wants.test.ts', 'HOSTILE-INPUT 61'],
  [61, 'files/part/part-file.test.ts', 'HOSTILE-INPUT 61'],
  [62, 'transfer/resume.test.ts', 'a source that changed since then'],
  [62, 'stores/disk/claims.test.ts', 'what was begun for another size or time is not claimed'],
  [63, 'stages/file-source-faults.test.ts', 'since it was listed fails, and the others stay'],
  [63, 'stages/finalizer.test.ts', 'HOSTILE-INPUT 63'],
  [64, 'files/journal/journal.test.ts', 'HOSTILE-INPUT 64: journals of nothing'],
  [64, 'files/journal/take-over.test.ts', 'gives nothing, and nothing is touched'],
  [65, 'files/journal/journal.test.ts', 'HOSTILE-INPUT 65'],
  [65, 'stores/disk/claims.test.ts', 'of receivers that start at the same moment each part has one'],
  [66, 'files/publish/publish.test.ts', 'two that want one name both keep their content'],
  [67, 'stages/manifest/manifest-of.test.ts', 'never opened, and reported (hostile input 67)'],
  [68, 'files/config/merge.test.ts', '__proto__ and its like never go through'],
  [69, 'files/audit/audit-record.test.ts', 'a record is one printable line'],
  [70, 'stores/disk/few-handles.test.ts', 'HOSTILE-INPUT 70'],
]

/** The one of what there is not yet. */
const ONE_TO_MANY = 34

/** KNOWN-FAILURES, 1 to 48. */
const KNOWN: [number, string, string][] = [
  [1, 'known-failures.test.ts', 'KNOWN-FAILURES 1'],
  [2, 'stages/part-sink.test.ts', 'KNOWN-FAILURES 2'],
  [3, 'files/part/part-file.test.ts', 'KNOWN-FAILURES 3'],
  [3, 'transfer/resume.test.ts', 'a transfer that broke goes on where it was'],
  [4, 'known-failures.test.ts', '4, 6 the journal decides nothing'],
  [4, 'stores/disk/claims.test.ts', "['made longer, up to its size', "],
  [5, 'transfer/resume.test.ts', 'many files cut at many places, again and again, are there in the end'],
  [6, 'known-failures.test.ts', 'KNOWN-FAILURES 6'],
  [7, 'files/part/part-file.test.ts', 'KNOWN-FAILURES 7'],
  [8, 'known-failures.test.ts', 'KNOWN-FAILURES 8'],
  [9, 'stages/finalizer.test.ts', 'KNOWN-FAILURES 9'],
  [10, 'stages/finalizer.test.ts', '9, 10'],
  [11, 'files/part/part-file.test.ts', 'KNOWN-FAILURES 7, 11'],
  [12, 'known-failures.test.ts', 'KNOWN-FAILURES 12'],
  [13, 'known-failures.test.ts', 'KNOWN-FAILURES 13'],
  [14, 'transfer/repair.test.ts', 'of a file of several blocks only those come again'],
  [14, 'transfer/repair.test.ts', 'a file of one block comes again as a whole'],
  [15, 'stages/demuxer.test.ts', 'KNOWN-FAILURES 15'],
  [16, 'cli/cli.test.ts', 'KNOWN-FAILURES 16'],
  [17, 'stages/file-source-faults.test.ts', 'known failure 17'],
  [18, 'files/journal/journal.test.ts', 'KNOWN-FAILURES 18'],
  [19, 'cli/cli.test.ts', 'KNOWN-FAILURES 19'],
  [20, 'known-failures.test.ts', '20 an I/O error'],
  [21, 'known-failures.test.ts', '21 code phrases'],
  [22, 'known-failures.test.ts', 'KNOWN-FAILURES 22'],
  [23, 'stages/demuxer.test.ts', 'KNOWN-FAILURES 23'],
  [24, 'stages/file-source.test.ts', 'known failure 24'],
  [25, 'transfer/resume.test.ts', 'a transfer that broke goes on where it was'],
  [26, 'session.test.ts', 'cancelled at the '],
  [27, 'transfer/control.test.ts', 'stops the reading on both sides'],
  [28, 'transfer/control.test.ts', 'what is attached at the last moment'],
  [29, 'recording.test.ts', 'cut off at any offset is interrupted'],
  [30, 'stages/part-sink.test.ts', 'KNOWN-FAILURES 2, 30'],
  [31, 'known-failures.test.ts', 'KNOWN-FAILURES 31'],
  [32, 'stages/part-sink.test.ts', 'KNOWN-FAILURES 32'],
  [33, 'cli/cli.test.ts', 'KNOWN-FAILURES 19, 33'],
  [35, 'files/lock/lock-processes.test.ts', 'KNOWN-FAILURES 35: of many processes'],
  [35, 'files/lock/folder-lock.test.ts', 'KNOWN-FAILURES 35: what dead processes hold'],
  [36, 'files/disk/keep-attributes.test.ts', 'KNOWN-FAILURES 36: a new file has the mode'],
  [36, 'files/atomic/write-file.test.ts', 'KNOWN-FAILURES 36: a link is followed'],
  [36, 'files/atomic/write-file.test.ts', 'KNOWN-FAILURES 36: text is written in its encoding'],
  [37, 'files/intent/remove-orphans.test.ts', 'KNOWN-FAILURES 37'],
  [38, 'files/content/read-file.test.ts', 'KNOWN-FAILURES 38: a file that does not exist'],
  [38, 'files/content/read-file.test.ts', 'KNOWN-FAILURES 38: a file that changed'],
  [38, 'files/content/check-file.test.ts', 'KNOWN-FAILURES 38: an empty file is empty'],
  [39, 'files/atomic/backups.test.ts', 'KNOWN-FAILURES 39: each backup has a name of its own'],
  [39, 'files/atomic/backups.test.ts', 'KNOWN-FAILURES 39: the file never loses its name'],
  [40, 'files/transaction/file-transaction.test.ts', 'KNOWN-FAILURES 40'],
  [41, 'files/transaction/file-transaction.test.ts', 'KNOWN-FAILURES 41'],
  [42, 'files/atomic/write-file.test.ts', 'KNOWN-FAILURES 42'],
  [43, 'files/atomic/atomic-stream.test.ts', 'KNOWN-FAILURES 43: destroyed without an end'],
  [43, 'files/atomic/atomic-stream.test.ts', 'KNOWN-FAILURES 43: a second write'],
  [44, 'files/atomic/backups.test.ts', 'KNOWN-FAILURES 44'],
  [44, 'files/atomic/remove-backups.test.ts', 'KNOWN-FAILURES 44'],
  [45, 'files/config/update.test.ts', 'KNOWN-FAILURES 45: updates by many processes'],
  [46, 'files/audit/audit-processes.test.ts', 'KNOWN-FAILURES 46'],
  [47, 'files/rotation/rotate-file.test.ts', 'KNOWN-FAILURES 47: rotation to 3 files'],
  [47, 'files/config/merge-config.test.ts', 'KNOWN-FAILURES 47: empty YAML'],
  [47, 'files/config/merge-config.test.ts', 'KNOWN-FAILURES 47: the schema is checked'],
  [47, 'files/config/merge.test.ts', 'KNOWN-FAILURES 47: __proto__'],
  [48, 'files/zero.test.ts', 'KNOWN-FAILURES 48'],
]

/** A file in the folder of the tests. */
const read = (file: string) => readFileSync(new URL(`../../test/${file}`, import.meta.url), 'utf8')

/** What stands below each heading of a page. */
const partsOf = (page: string) =>
  read(page)
    .split(/^## .*$/m)
    .slice(1)

/** Says where a case is tested, if that leads somewhere. */
function holds(t: ExecutionContext, what: string, file: string, part: string): void {
  // lines of a page are broken where there is room
  t.true(read(file).replaceAll(/\s+/g, ' ').includes(part), `${what}: '${part}' in ${file}`)
}

const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1)

for (const [name, index, last] of [
  ['hostile input', HOSTILE, 70],
  ['known failure', KNOWN, 48],
] as const) {
  test(`every ${name} is tested where this index says`, (t) => {
    const numbers = new Set(index.map(([number]) => number))
    for (const number of upTo(last)) {
      if (name === 'known failure' && number === ONE_TO_MANY) continue
      t.true(numbers.has(number), `${name} ${number}`)
    }
    for (const [number, file, part] of index) holds(t, `${name} ${number}`, file, part)
  })
}

test('the page has every case once, in order', (t) => {
  const lists = partsOf('CASES.md')
  for (const [i, last] of [70, 48].entries()) {
    const numbers = Array.from(lists[i]!.matchAll(/^(\d+)\. \S/gm), ([, number]) => Number(number))
    t.deepEqual(numbers, upTo(last))
  }
})

/** Pages with numbered kinds below letters, each with its tests: how many there are below each letter. */
const PAGES: Record<string, Record<string, number>> = {
  'ATTACKS.md': { A: 9, B: 11, C: 7, D: 9 },
  'STREAMS.md': { A: 9, B: 8, C: 5 },
}
const LETTERS = Object.entries(PAGES).flatMap(([page, letters]) =>
  Object.entries(letters).map(([letter, last], i) => ({ page, letter, last, i })),
)
for (const { page, letter, last, i } of LETTERS)
  test(`everything of kind ${letter} of ${page} is tested where it says`, (t) => {
    const kinds = partsOf(page)
      [i]!.split(/^(?=\d+\. )/m)
      .slice(1)
    t.deepEqual(
      kinds.map((kind) => Number.parseInt(kind, 10)),
      upTo(last),
    )
    for (const [n, kind] of kinds.entries()) {
      const [, ...lines] = kind.split(/^ +- /m).map((line) => line.replaceAll(/\s+/g, ' ').trim())
      t.true(lines.length > 0, `${letter}${n + 1}`)
      for (const line of lines) {
        const [, file, part] = /^`(.+?)`: (.+)$/.exec(line) ?? []
        if (file === undefined || part === undefined) t.fail(`${letter}${n + 1}: ${line}`)
        else holds(t, `${letter}${n + 1}`, file, part)
      }
    }
  })

test('everything that earlier systems of files had is tested where the page says', (t) => {
  for (const part of partsOf('FEATURES.md')) {
    const [, , ...rows] = part.split('\n').filter((line) => line.startsWith('|'))
    t.true(rows.length > 0)
    for (const row of rows) {
      const [, what, file, title] = /^\| (.+?) +\| `(.+?)` +\| (.+?) +\|$/.exec(row) ?? []
      if (title === undefined) t.fail(row)
      else holds(t, what!, file!, title)
    }
  }
})
