import { execFileSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { chmod, mkdir, open, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { hanging, widthOf, wrapped } from '../../lib/terminal/text.js'
import { ROOT } from '../helpers/command.js'
import { plant } from '../helpers/folders.js'
import { Screen, type ScreenOptions, screenFolder } from '../helpers/screen.js'

// What people see, from the first line to the last. Each scene is kept as text in screens/, at 80 and at 40 columns: a
// change of any word shows there. SLUICE_SCREENS=write writes them anew; look at them before they are committed.

const FOLDER = join(ROOT, 'test/cli/screens')

/** What is sent in most scenes. */
const TREE = {
  'photos/beach.jpg': Buffer.alloc(4_000_000),
  'photos/2024/a party with a very long name, so that it does not fit.jpg': Buffer.alloc(2_500_000),
  'photos/2024/cat.jpg': Buffer.alloc(700_000),
  'photos/empty': null,
  'report.pdf': Buffer.alloc(30_000, 'r'),
}

type Commands = Record<string, Screen>

const KEPT = '1.8 MB of a file kept.'

/** The end of what is said of a transfer, from how much came. */
const SUMMARY = /\s+\([\d.]+ [kMG]?B(?:,\s+250 MB\/s|[;)])[^\n]*(?:\n {2}\S[^\n]*)*/g

/** Asserts that the screens of a scene are those that are kept. */
async function matches(t: ExecutionContext<unknown>, name: string, commands: Commands): Promise<void> {
  const parts: string[] = []
  for (const [who, screen] of Object.entries(commands))
    parts.push(`${who}, exit ${await screen.ended}\n${'─'.repeat(screen.columns)}\n${screen.text}\n`)
  await isKept(t, name, Object.values(commands)[0]!.columns, parts.join('\n'))
}

/** A row with another number in it, as the command would have broken it. Marks of direction take no column. */
function brokenAgain(row: string, columns: number): string {
  if (widthOf(row.replaceAll(/\p{Cf}/gu, '')) <= columns) return row
  return row.startsWith('  ') ? hanging('  ', row.trimStart(), columns) : wrapped(row, columns)
}

async function isKept(
  t: ExecutionContext<unknown>,
  scene: string,
  columns: number,
  shown: string,
): Promise<void> {
  const name = `${scene}-${columns}`
  // how many digits the free space has decides where the line breaks
  const text = shown
    .replaceAll(/\s+\(12 GB free\)/g, ' (12 GB free)')
    // and so does how much had come of which file when it was interrupted
    .replaceAll(
      /(;|to)\s+[\d.]+ [kM]?B\s+of\s+[^.;]+?(?:\.\w+)?\s+kept\.(\s+Run[^\n]*(?:\n {2}\S[^\n]*)*)/g,
      (_, before, what) => `${before} ${KEPT}${what.replaceAll(/\s+/g, ' ')}`,
    )
    // and whether it took so long that there is a rate
    .replaceAll(
      SUMMARY,
      (end) =>
        ` ${end
          .trim()
          .replace(/,\s+250 MB\/s/, '')
          .replaceAll('\n  ', ' ')}`,
    )
    .split('\n')
    .map((row) => brokenAgain(row, columns))
    .join('\n')
  const path = join(FOLDER, `${name}.txt`)
  if (process.env.SLUICE_SCREENS === 'write') {
    await mkdir(FOLDER, { recursive: true })
    await writeFile(path, text)
  }
  t.is(text, await readFile(path, 'utf8').catch(() => ''), name)
}

/** Runs `sluice` with the words of a line, or of a list. */
type Sluice = (words: string | string[], options?: Pick<ScreenOptions, 'env' | 'shell'>) => Promise<Screen>

type Act = (sluice: Sluice, folder: string) => Promise<Commands>

/** Elsewhere a temporary folder has a longer name, and there are no limits of sh and pipes with names. */
const isKeptHere = process.platform === 'linux'

/** A scene at each width, in a folder with {@link TREE} in it. */
function scene(name: string, act: Act): void {
  for (const columns of [80, 40])
    test.serial(`the screen of ${name} at ${columns} columns`, async (t) => {
      if (!isKeptHere) return t.pass('the screens are kept as they are on Linux')
      const cwd = await plant(await screenFolder(t), TREE)
      const sluice: Sluice = (words, options) =>
        Screen.of(t, typeof words === 'string' ? words.split(' ') : words, { columns, cwd, ...options })
      await matches(t, name, await act(sluice, cwd))
    })
}

/** The address at which a receiver listens. */
async function addressOf(receiver: Screen): Promise<string> {
  await receiver.shows(/Ctrl-C stops/)
  return /127\.0\.0\.1:\d+/.exec(receiver.raw)![0]
}

scene('waiting', async (sluice) => {
  const receiver = await sluice('receive --plain --dir inbox')
  await receiver.shows(/Ctrl-C stops/)
  receiver.type('\u0003')
  return { receiver }
})

scene('accepted', async (sluice) => {
  const receiver = await sluice('receive --plain --dir inbox --once')
  const sender = await sluice(`send photos report.pdf --to ${await addressOf(receiver)}`)
  await receiver.shows(/Accept\?/)
  receiver.type('y\r')
  return { receiver, sender }
})

scene('connecting', async (sluice) => {
  const sender = await sluice('send photos --plain --listen 127.0.0.1:0')
  const receiver = await sluice(`receive ${await addressOf(sender)} --dir inbox`)
  await receiver.shows(/Accept\?/)
  receiver.type('y\r')
  return { receiver, sender }
})

scene('refused', async (sluice) => {
  const receiver = await sluice('receive --plain --dir inbox --once')
  const sender = await sluice(`send photos --to ${await addressOf(receiver)}`)
  await receiver.shows(/Accept\?/)
  receiver.type('n\r')
  return { receiver, sender }
})

scene('taken-name', async (sluice, folder) => {
  await plant(join(folder, 'inbox'), { 'report.pdf': 'another one' })
  const receiver = await sluice('receive --plain --dir inbox --yes')
  const address = await addressOf(receiver)
  const first = await sluice(`send report.pdf --to ${address}`)
  await first.ended
  const again = await sluice(`send photos report.pdf --to ${address}`)
  await again.ended
  await receiver.shows(/waiting for the next.*waiting for the next/s)
  receiver.type('\u0003')
  return { receiver, first, again }
})

scene('interrupted', async (sluice) => {
  const receiver = await sluice('receive --plain --dir inbox --once --yes')
  const sender = await sluice(`send report.pdf photos --limit 2M --to ${await addressOf(receiver)}`)
  await receiver.shows(/[1-4]\/4 files/)
  sender.type('\u0003')
  return { receiver, sender }
})

scene('stopped', async (sluice) => {
  const receiver = await sluice('receive --plain --dir inbox --yes')
  const sender = await sluice(`send report.pdf photos --limit 2M --to ${await addressOf(receiver)}`)
  await receiver.shows(/[1-4]\/4 files/)
  receiver.type('\u0003')
  return { receiver, sender }
})

scene('watch', async (sluice, folder) => {
  const receiver = await sluice('receive --plain --dir inbox --once')
  const sender = await sluice(`send photos report.pdf --watch --to ${await addressOf(receiver)}`)
  await receiver.shows(/Accept\?/)
  receiver.type('y\r')
  await sender.shows(/watching/)
  await writeFile(join(folder, 'photos/2024/cat.jpg'), 'another one')
  await sender.shows(/cat\.jpg sent/)
  sender.type('\u0003')
  return { receiver, sender }
})

scene('failed', async (sluice) => {
  const receiver = await sluice('receive --plain --dir inbox --once --yes', {
    // c8 would have it write a file that is too large, too
    shell: 'ulimit -f 1500; NODE_V8_COVERAGE= "$0" "$@"',
  })
  const sender = await sluice(`send photos report.pdf --to ${await addressOf(receiver)}`)
  return { receiver, sender }
})

scene('question', async (sluice, folder) => {
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`site/page ${n}.html`, `${n}`]))
  await plant(folder, { ...many, 'site/assets/logo.png': Buffer.alloc(50_000), 'run.sh': '#!/bin/sh' })
  const odd = 'a "quoted"\u202e name.txt'
  await plant(folder, { [odd]: 'x', 'site/.git/hooks/pre-commit': '#!/bin/sh' })
  await chmod(join(folder, 'run.sh'), 0o755)
  await chmod(join(folder, 'site/.git/hooks/pre-commit'), 0o755)
  await symlink('assets/logo.png', join(folder, 'site/icon'))
  const receiver = await sluice('receive --plain --dir inbox --once --links')
  const names = ['photos', 'report.pdf', 'run.sh', 'site', odd]
  const sender = await sluice(['send', ...names, '--links', '--to', await addressOf(receiver)])
  await receiver.shows(/Accept\?/)
  let asked = 1
  for (const answer of ['perhaps', 'list', 'list', 'list']) {
    receiver.type(`${answer}\r`)
    asked++
    while (receiver.rows.filter((row) => row.startsWith('Accept?')).length < asked) await receiver.changes()
  }
  receiver.type('y\r')
  return { receiver, sender }
})

scene('pack', async (sluice) => ({ pack: await sluice('pack photos') }))

scene('help', async (sluice) => {
  const commands: Commands = { sluice: await sluice('--help') }
  for (const name of ['send', 'receive', 'pack', 'unpack', 'write', 'status', 'clean', 'recover'])
    commands[name] = await sluice(`${name} --help`)
  for (const name of ['identity', 'peers', 'peers add', 'peers set', 'peers list', 'peers remove', 'verify'])
    commands[name] = await sluice(`${name} --help`)
  return commands
})

scene('mistakes', async (sluice) => ({
  unknown: await sluice('send photos --to anna', { env: { SLUICE_HOME: 'nowhere' } }),
  both: await sluice('send photos --to 127.0.0.1:1 --listen 127.0.0.1:0'),
  nobody: await sluice('send photos --to 127.0.0.1:1'),
  missing: await sluice('send phtos --to 127.0.0.1:1'),
  hash: await sluice('send photos --hash sha257 --to 127.0.0.1:1'),
  misspelt: await sluice('recieve'),
  option: await sluice('receive --dri inbox'),
  ofReceive: await sluice('send photos --conflict skip'),
  far: await sluice('send photos --to 192.0.2.1:7000'),
  word: await sluice('receive --conflict ask'),
}))

/** How far something is, which is never the same. */
const FAR: [RegExp, string][] = [
  [/[\d.]+ [kM]?B of 4 MB/g, '1.8 MB of 4 MB'],
  [/\d+ %/g, '45 %'],
  [/\d+s left/g, '9s left'],
  [/[\d.]+ [kM]?B;\s+[\d.]+ [kM]?B\s+were\s+there/g, '3.3 MB; 700 kB were there'],
  // comes after some seconds
  [/keys: [^\n]*\n(?: {2}\S[^\n]*\n)*/g, ''],
]

/** Screens as they are at some moments, while commands run. */
class Moments {
  readonly #kept: string[] = []

  see(moment: string, commands: Commands): void {
    for (const [who, { text, columns }] of Object.entries(commands))
      this.#kept.push(`${moment}: ${who}\n${'─'.repeat(columns)}\n${text}\n`)
  }

  toString(): string {
    return FAR.reduce((text, [what, by]) => text.replaceAll(what, by), this.#kept.join('\n'))
  }
}

for (const columns of [80, 40]) {
  test.serial(
    `a session with a ticket at ${columns} columns: asked, limited, paused, cancelled, resumed`,
    async (t) => {
      if (!isKeptHere) return t.pass('the screens are kept as they are on Linux')
      const cwd = await plant(await screenFolder(t), { 'film.mkv': Buffer.alloc(4_000_000), 'a.txt': 'a' })
      const sluice = (words: string, home: string) =>
        Screen.of(t, words.split(' '), { columns, cwd, env: { SLUICE_HOME: join(cwd, home) } })
      const moments = new Moments()
      const receiver = await sluice('receive --listen 127.0.0.1:0 --dir inbox', 'hers')
      await receiver.shows(/Ctrl-C stops/)
      const [ticket] = /sluice1[a-z2-7]+/.exec(receiver.raw)!
      const sender = await sluice(`send film.mkv a.txt --limit 500k --to ${ticket}`, 'his')
      await receiver.shows(/Accept\?/)
      await sender.shows(/waiting for the answer/)
      moments.see('asked', { receiver, sender })
      receiver.type('y\r')
      await sender.shows(/B\/s of 500 kB\/s {2}\d+s left/)
      moments.see('sent', { sender })
      sender.type('-')
      await sender.shows(/B\/s of 250 kB\/s {2}\d+s left/)
      sender.type('p')
      await sender.shows(/paused; p goes on/)
      await receiver.shows(/paused by the sender/)
      moments.see('paused', { receiver, sender })
      sender.type('p')
      await sender.shows(/B\/s of 250 kB\/s {2}\d+s left/)
      sender.type('c')
      await sender.shows(/Cancel\?/)
      moments.see('about to be cancelled', { sender })
      sender.type('y')
      t.is(await sender.ended, 130)
      await receiver.shows(/waiting for the next/)
      const again = await sluice(`send film.mkv a.txt --to ${ticket}`, 'his')
      await receiver.shows(/Accept\?.*Accept\?/s)
      receiver.type('y\r')
      t.is(await again.ended, 0)
      await receiver.shows(/next.*waiting for the next/s)
      receiver.type('\u0003')
      t.is(await receiver.ended, 130)
      t.regex(again.text, / were\s+there\)$/)
      moments.see('over', { receiver, sender, again })
      await isKept(t, 'session', columns, `${moments}`)
    },
  )

  test.serial(`files are chosen at both sides at ${columns} columns`, async (t) => {
    if (!isKeptHere) return t.pass('the screens are kept as they are on Linux')
    const hostile = 'notes/a \u001b[31mred\u202e name.txt'
    const cwd = await plant(await screenFolder(t), { ...TREE, [hostile]: 'x', '.git/config': 'x' })
    const sluice = (words: string) => Screen.of(t, words.split(' '), { columns, cwd, rows: 20 })
    const moments = new Moments()
    const receiver = await sluice('receive --plain --dir inbox --once')
    const sender = await sluice(`send --to ${await addressOf(receiver)}`)
    await sender.shows(/> \[ \] notes\//)
    moments.see('at first', { sender })
    sender.type('\t\u001b[B\t')
    await sender.shows(/> \[x\] photos/)
    sender.type('.JPG')
    await sender.shows(/search: \.JPG█.*2 chosen, 3 found/s)
    moments.see('searched', { sender })
    sender.type('\r')
    await receiver.shows(/Accept\?/)
    receiver.type('some\r')
    await receiver.shows(/> \[ \] notes\//)
    receiver.type('name')
    await receiver.shows(/search: name█.*2 found/s)
    receiver.type('\t')
    await receiver.shows(/1 chosen/)
    moments.see('some of it', { receiver })
    receiver.type('\r')
    t.is(await receiver.ended, 0)
    t.is(await sender.ended, 0)
    moments.see('over', { receiver, sender })
    await isKept(t, 'choosing', columns, `${moments}`)
  })
}

test.serial('what status and clean find is broken between words, and indented from there on', async (t) => {
  const name = 'film-of-the-summer-holidays-2026.mkv'
  const cwd = await plant(await screenFolder(t), { [name]: Buffer.alloc(4_000_000) })
  const sluice = (words: string) => Screen.of(t, words.split(' '), { columns: 40, cwd })
  const receiver = await sluice('receive --plain --dir inbox --once --yes')
  const sender = await sluice(`send ${name} --limit 1M --to ${await addressOf(receiver)}`)
  await receiver.shows(/[1-9]\d? %/)
  sender.type('\u0003')
  await receiver.ended
  const status = await sluice('status inbox')
  await status.ended
  t.regex(status.text, /^interrupted .*%\n {2}.* of 4 MB\n {2}film-\S+\n {2}\S+\n1 unfinished/m)
  const clean = await sluice('clean inbox')
  await clean.ended
  t.regex(clean.text, /^left\n {2}film-\S+\n {2}\S+ \(.* kB\)\nleft\n {2}\.sluice/m)
})

const PROGRESS = fileURLToPath(new URL('../helpers/progress-child.js', import.meta.url))

for (const columns of [80, 40])
  test.serial(
    `the screen of what runs at ${columns} columns, and made narrower and wider meanwhile`,
    async (t) => {
      if (!isKeptHere) return t.pass('the screens are kept as they are on Linux')
      const cwd = await screenFolder(t)
      const running = await Screen.of(t, [], { columns, cwd, main: PROGRESS })
      await running.shows(/left.*left/s)
      await isKept(t, 'progress', columns, `${running.text}\n`)
      const ends = (what: string) => running.rows.filter((row) => row.endsWith(what)).length
      for (const other of [45, 41, 40, 60, 120, 50, columns + 1]) {
        const before = running.raw.length
        running.resize(other)
        // it is drawn again, in one piece, once the program has heard of it
        while (running.raw.length === before) await running.changes()
        t.is(ends(' left'), 2, running.text)
        t.is(ends('2.5 GB (40 %)'), 2, running.text)
      }
      running.type('q')
      t.is(await running.ended, 0)
      t.regex(running.text, /narrow\nwarning: what is said meanwhile stands\s+above\ndone$/)
    },
  )

/** A pipe with a name in a folder: what is written to it, or read from it, is up to the test. */
function namedPipe(folder: string): string {
  execFileSync('mkfifo', [join(folder, 'pipe')])
  return join(folder, 'pipe')
}

for (const columns of [80, 40])
  test.serial(
    `pack and unpack show how far they are at ${columns} columns, and only what they did at the end`,
    async (t) => {
      if (!isKeptHere) return t.pass('the screens are kept as they are on Linux')
      const cwd = await plant(await screenFolder(t), TREE)
      const path = namedPipe(cwd)
      const pack = await Screen.of(t, ['pack', 'photos', 'report.pdf'], {
        columns,
        cwd,
        shell: '"$0" "$@" > pipe',
      })
      const packed: Buffer[] = []
      for await (const bytes of createReadStream(path)) {
        // the pipe is full, and nobody reads
        if (packed.push(bytes) === 1) await pack.shows(/\d\/4 files {2}.*B\/s/)
      }
      t.is(await pack.ended, 0)
      t.regex(pack.text, /report.pdf\n4 files, 3 folders packed \(7.23 MB\)$/)

      const all = Buffer.concat(packed)
      for (const [TERM, isLive] of [
        ['xterm', true],
        ['dumb', false],
      ] as const) {
        const args = ['unpack', '--dir', TERM]
        const unpack = await Screen.of(t, args, { columns, cwd, shell: '"$0" "$@" < pipe', env: { TERM } })
        const pipe = await open(path, 'w')
        await pipe.write(all.subarray(0, 3_000_000))
        if (isLive) await unpack.shows(/\d\/4 files {2}.*B\/s\n.*\.jpg {2}.*B \(\d+ %\)/)
        await pipe.write(all.subarray(3_000_000))
        await pipe.close()
        t.is(await unpack.ended, 0)
        t.is(unpack.rows.filter((row) => /files {2}|%/.test(row)).length, 0)
        t.regex(unpack.text, /4 files, 3 folders in/)
        t.is(unpack.raw.includes('\u001b'), isLive)
      }
    },
  )
