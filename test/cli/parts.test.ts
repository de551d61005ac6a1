import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { resolveLoopback } from '../../lib/cli/network/address.js'
import { parseRate } from '../../lib/cli/network/rate.js'
import { eventLine } from '../../lib/cli/ui/events.js'
import { commandError, EXITS, exitOf } from '../../lib/cli/ui/exit.js'
import { ProgressView } from '../../lib/cli/ui/live/progress.js'
import { Screen } from '../../lib/cli/ui/live/screen.js'
import { describeOffer } from '../../lib/cli/ui/words/describe.js'
import { CODES, type Code, SluiceError } from '../../lib/errors.js'
import { duration, fittedLine, hanging, quoted, shownPath, wrapped } from '../../lib/terminal/text.js'
import type { Progress } from '../../lib/transfer/progress.js'
import { ROOT } from '../helpers/command.js'
import { offerOf } from '../helpers/items.js'

test('only loopback is resolved', async (t) => {
  const { signal } = new AbortController()
  t.deepEqual(await resolveLoopback('127.9.9.9:1', signal), [{ host: '127.9.9.9', port: 1 }])
  t.deepEqual(await resolveLoopback('[::1]:1', signal), [{ host: '::1', port: 1 }])
  for (const wrong of ['0.0.0.0:1', '[::]:1', '*:1', '10.0.0.1:1', '[::ffff:10.0.0.1]:1']) {
    await t.throwsAsync(resolveLoopback(wrong, signal), { code: 'ERR_USAGE' }, wrong)
  }
})

test('rates have units', (t) => {
  t.deepEqual(['1000', '500k', '10M', '2MiB', '1.5kB/s', '1G'].map(parseRate), [
    1000,
    5e5,
    1e7,
    2 ** 21,
    1500,
    1e9,
  ])
  for (const wrong of ['', '0', '-1', 'fast', '1x', '0.1'])
    t.throws(() => parseRate(wrong), { code: 'ERR_USAGE' })
  t.throws(() => parseRate('1'), { code: 'ERR_USAGE', message: /the lowest rate is 1k/ })
})

test('of several reasons the weightiest decides the exit status', (t) => {
  const failed = (...codes: Code[]) =>
    exitOf(
      new SluiceError('ERR_FILES_FAILED', '', {
        outcomes: codes.map((code) => ({ path: 'a', status: 'failed', code })),
      }),
    )
  t.is(failed('ERR_SOURCE_READ'), 1)
  t.is(failed('ERR_SOURCE_READ', 'ERR_DIGEST'), 5)
  t.is(failed('ERR_DIGEST', 'ERR_PERMISSION'), 8)
  t.is(failed('ERR_OF_THE_FUTURE' as Code), 1)
  t.is(exitOf(new SluiceError('ERR_CANCELLED', '')), 130)
  t.is(exitOf(new SluiceError('ERR_REJECTED', '')), 3)
  // whatever its code, what ended in an error is no success
  t.is(exitOf(new SluiceError('ERR_SKIPPED', '')), 1)
})

test('what the system says of a connection becomes one of our codes', (t) => {
  const of = (code: string) => commandError(Object.assign(new Error('x'), { code }), 'there').code
  t.is(of('ECONNREFUSED'), 'ERR_UNREACHABLE')
  t.is(of('EADDRINUSE'), 'ERR_USAGE')
  t.is(of('EWHATEVER'), 'ERR_INTERRUPTED')
})

/** How far a transfer is. */
const PROGRESS = {
  files: 2,
  totalFiles: 5,
  others: 1,
  totalOthers: 3,
  bytes: 500,
  totalBytes: 1000,
  resumedBytes: 0,
  left: 500,
  rate: 100,
  eta: 5000,
  current: { path: `long/${'x'.repeat(200)}\u001b[31m`, bytes: 5, size: 10 },
}

/** The lines of it, and a clock that stands still. */
function running(t: Partial<Progress> = {}) {
  const clock = { now: 0 }
  const view = new ProgressView(() => clock.now)
  const progress = { ...PROGRESS, ...t }
  const after = (ms: number, more: Partial<Progress> = {}) => {
    clock.now += ms
    view.update({ ...progress, ...more })
    return view
  }
  return { clock, view, after }
}

test('the lines of progress fit the terminal, with names escaped', (t) => {
  const view = running().after(1000)
  for (const columns of [80, 60, 40, 30, 20, 10, 1]) {
    const lines = view.lines(columns, columns)
    t.is(lines.length, 2)
    for (const line of lines) {
      t.true(line.length <= columns, line)
      t.false(/\p{Cc}/u.test(line))
    }
  }
  t.is(view.lines(60, 40)[0], '1/2 files  500 B of 1 kB (50 %)  100 B/s  5s left')
  t.deepEqual(running({ current: null, totalBytes: null, left: null, eta: null }).after(1000).lines(60, 40), [
    '1/2 files  500 B  100 B/s',
  ])
  t.deepEqual(running().view.lines(60, 40), [])
  // folders and links are no files
  const count = (now: Partial<Progress>) => running(now).after(1000).lines(60, 40)[0]!.split('  ')[0]
  t.is(count({ files: 3, totalFiles: 4, others: 3, totalOthers: 3 }), '0/1 file')
  t.is(count({ files: 1, totalFiles: 2, others: 1, totalOthers: 2 }), '500 B of 1 kB (50 %)')
  t.is(shownPath('short', 10), 'short')
  t.is(fittedLine('a long line', 6), 'a lon…')
  t.is(duration(250), '250ms')
})

test('what was there before counts as there, and is checked when nothing is left to travel', (t) => {
  const resumed = { bytes: 100, totalBytes: 1000, left: 300, current: null }
  const line = (now: Partial<Progress>, columns = 60) => running(now).after(1000).lines(columns, 40)[0]
  t.is(line(resumed), '1/2 files  700 B of 1 kB (70 %)  100 B/s  5s left')
  const arrived = { ...resumed, bytes: 400, left: 0, eta: 0 }
  t.is(line({ ...arrived, resumedBytes: 200 }), '1/2 files  checked 600 B of 1 kB (60 %)')
  t.is(line({ ...arrived, resumedBytes: 200 }, 25), '1/2 files  checked 60 %')
  t.is(line({ ...arrived, resumedBytes: 600 }), '1/2 files  1 kB of 1 kB (100 %)  100 B/s  1s left')
})

test('a limit stands beside the rate, and beside a pause, as long as there is room for it', (t) => {
  let limit: number | null = 5e5
  let paused: string | undefined
  const view = new ProgressView(() => 0, { limit: () => limit, paused: () => paused })
  view.update({ ...PROGRESS, eta: null })
  t.is(view.lines(60, 40)[0], '1/2 files  500 B of 1 kB (50 %)  100 B/s of 500 kB/s')
  t.is(view.lines(40, 40)[0], '1/2 files  50 %  100 B/s of 500 kB/s')
  t.is(view.lines(19, 40)[0], '50 %  100 B/s')
  paused = 'paused'
  t.is(view.lines(60, 40)[0], '1/2 files  500 B of 1 kB (50 %)  paused  limit 500 kB/s')
  t.is(view.lines(40, 40)[0], '1/2 files  50 %  paused  limit 500 kB/s')
  t.is(view.lines(20, 40)[0], '50 %  paused')
  paused = undefined
  limit = null
  t.is(view.lines(60, 40)[0], '1/2 files  500 B of 1 kB (50 %)  100 B/s')
})

test('the narrower the terminal, the less is said of how much it is; the rate and the time left stay', (t) => {
  const view = running().after(1000)
  t.is(view.lines(40, 40)[0], '1/2 files  50 %  100 B/s  5s left')
  t.is(view.lines(30, 40)[0], '50 %  100 B/s  5s left')
  t.is(view.lines(20, 40)[0], '100 B/s  5s left')
})

test('the time left counts down while the rate goes up and down, and is said anew only if it was wrong', (t) => {
  const { after } = running()
  const left = (ms: number, eta: number) =>
    after(ms, { eta })
      .lines(80, 40)[0]!
      .match(/\w+(?= left)/)?.[0]
  // a rate of the first moments is worth nothing
  t.is(left(100, 500_000), undefined)
  t.is(left(900, 50_000), '50s')
  t.is(left(1000, 55_000), '49s')
  t.is(left(1000, 43_000), '48s')
  t.is(left(1000, 30_000), '30s')
  t.is(left(29_500, 1500), '2s')
  // it is not over before it is
  t.is(left(2000, 1000), '1s')
})

test('near the end the time left is right within about a second, also where the first estimate was too low', (t) => {
  const { after } = running()
  const left = (ms: number, eta: number) =>
    Number(
      after(ms, { eta })
        .lines(80, 40)[0]!
        .match(/(\d+)s left/)![1],
    )
  // a sender counts what is only on its way: the rate of its first second is too high
  left(1000, 18_200)
  const said: number[] = []
  for (let eta = 19_500; eta >= 0; eta -= 250) {
    // and later ones go up and down
    const one = left(eta === 19_500 ? 500 : 250, eta * (eta % 500 === 0 ? 1.01 : 0.99))
    said.push(one)
    if (eta <= 5000) t.true(Math.abs(one * 1000 - Math.max(eta, 1000)) <= 1600, `${one}s of ${eta} ms`)
  }
  // it hardly ever goes up again
  t.true(said.filter((one, n) => n > 0 && one > said[n - 1]!).length <= 2, said.join(' '))
})

test('a terminal that can erase nothing gets a line about what runs from time to time', (t) => {
  let text = ''
  let now = 0
  const stream = { isTTY: true, columns: 80, write: (more: string) => (text += more), on() {}, off() {} }
  const screen = new Screen(stream as unknown as NodeJS.WriteStream, false, () => now, false)
  const what = {}
  for (now of [0, 1000, 4999, 5000, 6000, 9999, 10_000]) screen.show(what, () => [`at ${now}`, 'and more'])
  screen.over(what)
  screen.line('done')
  t.is(text, 'at 5000\nat 10000\ndone\n')
})

test('lines are broken between words, with an indent; a word that is wider than a row is broken, too', (t) => {
  t.is(wrapped('short\n  also short', 20), 'short\n  also short')
  t.is(wrapped('warning: this is too long', 12), 'warning:\n  this is\n  too long')
  t.is(wrapped('  "name"  1 file, 2 B', 14), '  "name"  1\n    file, 2 B')
  // a number is not parted from its unit
  t.is(wrapped('sent (10.5 MB, 2 MB/s)', 12), 'sent\n  (10.5 MB,\n  2 MB/s)')
  t.is(wrapped('see https://a.very.long/word of it', 10), 'see\n  https://\n  a.very.l\n  ong/word\n  of it')
  t.is(wrapped('  "日本語の写真"  5 B', 10), '  "日本語\n    の写真\n    "  5 B')
  // where there is no room for more than the indent, the terminal breaks the line
  t.is(wrapped('a line', 2), 'a\n  line')
})

test('a text stands beside what it begins with, or below', (t) => {
  t.is(hanging('--yes  ', 'do not ask', 12), '--yes  do\n       not\n       ask')
  t.is(hanging('--yes\n  ', 'do not ask', 8), '--yes\n  do not\n  ask')
  t.is(hanging('-y  ', '', 8), '-y  ')
})

test('a name in quotes is escaped, so that none ends the quotes', (t) => {
  t.is(quoted('a "b"\n\\'), '"a \\"b\\"\\n\\\\"')
})

test('HOSTILE-INPUT 22, 23: an offer is shown escaped, and what is delicate is named', async (t) => {
  const content = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`file ${i}\n`, Buffer.alloc(1)]))
  const lines = await describeOffer(
    offerOf({ ...content, 'home/.ssh/authorized_keys': Buffer.alloc(3) }),
    1e9,
  )
  t.true(lines.some((line) => line.includes('careful: "home/.ssh/authorized_keys"')))
  t.true(lines.some((line) => line.includes('11 more')))
  t.regex(lines[0]!, /21 files, 23 B \(1 GB free\)/)
  for (const line of lines) t.false(/\p{Cc}/u.test(line))
})

test('an offer says before anybody answers that it may not fit', async (t) => {
  const offer = offerOf({ f: Buffer.alloc(2000) })
  t.regex((await describeOffer(offer, 1999))[0]!, /2 kB \(may not fit: 2 kB free\)$/)
  t.regex((await describeOffer(offer, 0))[0]!, /\(may not fit: 0 B free\)$/)
  t.regex((await describeOffer(offer, 2000))[0]!, /2 kB \(2 kB free\)$/)
})

test('of an offer the largest come first, folders with what is in them, executables and links with what they are', async (t) => {
  const of = async (...offer: Parameters<typeof offerOf>) =>
    (await describeOffer(offerOf(...offer), undefined)).slice(1)
  const large = Buffer.alloc(2000)
  const tree = { 'run.sh': 'x', 'a "b"\u202e': 'yy', d: null, 'd/in.sh': 'z', 'd/e': null, 'd/e/f': large }
  t.deepEqual(await of(tree, { modes: { 'run.sh': 0o755, 'd/in.sh': 0o744 } }), [
    '  "d/"               2 files, 2 folders, 2 kB, 1 executable',
    '  "a \\"b\\"\\u{202e}"  2 B',
    '  "run.sh"           1 B, executable',
  ])
  // what is in the only folder says more than the folder
  t.deepEqual(await of({ d: null, 'd/small': 'x', 'd/e': null, 'd/e/large': large }), [
    '  "d/e/"     1 file, 1 folder, 2 kB',
    '  "d/small"  1 B',
  ])
  t.deepEqual(await of({ d: null }), ['  "d/"  1 folder, 0 B'])
  t.deepEqual(await of({}), [])
  t.deepEqual(await of({ l: { target: 'else"where' } }), ['  "l"  link to "else\\"where"'])
  const { entries, ...offer } = offerOf({ f: '' })
  const unknown = { ...offer, entries: [{ ...entries[0]!, size: null }] }
  t.is((await describeOffer(unknown, undefined))[1], '  "f"  of unknown size')
})

test('HOSTILE-INPUT 23: of what is delicate the worst comes first, in whatever spelling, and the others are counted', async (t) => {
  const shown = async (paths: string[]) =>
    (await describeOffer(offerOf(Object.fromEntries(paths.map((path) => [path, '']))), undefined))
      .filter((line) => line.includes('careful'))
      .map((line) => line.replace(/^ {2}careful: (?:"(.*)")?/, '$1'))
  const decoys = Array.from({ length: 20 }, (_, n) => `${n}/.git/config`)
  const deep = Array.from({ length: 20 }, (_, n) => `${n}/a/authorized_keys`)
  const lines = await shown([...decoys, ...deep, '.bashrc', '.ssh/authorized_keys'])
  t.deepEqual(lines, [
    '.ssh/authorized_keys',
    '0/a/authorized_keys',
    '1/a/authorized_keys, and 18 more of this kind',
    '.bashrc',
    '0/.git/config',
    '1/.git/config, and 18 more of this kind',
  ])
  const kinds = ['.ssh/rc', '.bashrc', '.profile', '.zshrc', '.npmrc', '.vimrc', '.tmux.conf', '.gitconfig']
  const many = await shown([...kinds, '.netrc', '.emacs', 'crontab', 'x.pth', ...deep])
  t.deepEqual(many.slice(0, 2), ['0/a/authorized_keys, and 19 more of this kind', '.ssh/rc'])
  t.deepEqual(many.slice(9), ['.tmux.conf', '… and 3 more of other kinds'])
  const long = `${'a/'.repeat(200)}.ssh/authorized_keys`
  t.regex((await shown([long]))[0]!, /^(a\/)+….*\/\.ssh\/authorized_keys$/)
  const spelled = [
    '.SSH/id',
    '.ſſh/id',
    '.ssh./id',
    '.GitConfig',
    '.Bash_Profile',
    '.config/SystemD/user/x.service',
  ]
  for (const path of spelled) t.deepEqual(await shown([path]), [path])
  t.deepEqual(await shown(['ssh/id', 'gitconfig', 'photos/1.jpg', 'bashrc', '.x']), [])
})

test('an event is one line of JSON that no terminal takes for more than text', (t) => {
  const path = 'a\n\u001b[2J \u009b \u202e \u2028 \u{e0041} 😀'
  const line = eventLine({ event: 'file', path, status: 'published' })
  t.regex(line, /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+\n$/u)
  t.deepEqual(JSON.parse(line), { version: 1, event: 'file', path, status: 'published' })
})

test('wide characters take two columns, marks none, and none is cut in two', (t) => {
  t.is(shownPath('日本語', 6), '日本語')
  t.is(shownPath('日本語', 5), '…本語')
  t.is(shownPath('a/🎉🎉🎉', 6), '…🎉🎉')
  t.is(shownPath('e\u0301a\u0308', 2), 'e\u0301a\u0308')
})

test('the exit statuses of the help are those of the README, and of the codes', async (t) => {
  const page = await readFile(join(ROOT, 'README.md'), 'utf8')
  const rows = [...page.matchAll(/^\| (\d+) +\| /gm)].map(([, exit]) => Number(exit))
  t.deepEqual(
    rows,
    EXITS.map(([exit]) => exit),
  )
  for (const { exit } of Object.values(CODES)) t.true(rows.includes(exit))
})
