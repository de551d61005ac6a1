import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { listing, plant } from '../helpers/folders.js'
import { Screen, type ScreenOptions, screenFolder } from '../helpers/screen.js'

const TREE = {
  'photos/beach.jpg': 'beach',
  'photos/2024/cat.jpg': 'cat',
  'notes.txt': 'notes',
  'report.pdf': 'report',
  '.hidden/secret.txt': 'secret',
}

const UP = '\u001b[A'
const DOWN = '\u001b[B'
const ESCAPE = '\u001b'

/** A folder with {@link TREE} in it, and commands that run there at a terminal. */
async function place(t: ExecutionContext<unknown>, tree: Record<string, string | Buffer | null> = TREE) {
  const cwd = await plant(await screenFolder(t), tree)
  const sluice = (words: string[], options: Partial<ScreenOptions> = {}) =>
    Screen.of(t, words, { columns: 80, cwd, ...options })
  return { cwd, sluice }
}

type Sluice = Awaited<ReturnType<typeof place>>['sluice']

/** A receiver that waits beside, and its address. */
async function receiver(sluice: Sluice, ...flags: string[]) {
  const screen = await sluice(['receive', '--plain', '--dir', 'in', '--once', ...flags])
  await screen.shows(/Ctrl-C stops/)
  return { screen, address: /127\.0\.0\.1:\d+/.exec(screen.raw)![0] }
}

test('without a path files and folders are chosen, and sent', async (t) => {
  const { cwd, sluice } = await place(t)
  const { screen, address } = await receiver(sluice, '--yes')
  const sender = await sluice(['send', '--to', address])
  // the folder of the receiver is not there yet; hidden ones come last
  await sender.shows(/> \[ \] notes\.txt\s+\[ \] photos\/\s+\[ \] report\.pdf\s+\[ \] \.hidden\/\s+0 chosen/)
  sender.type('\t')
  await sender.shows(/\[x\] notes\.txt.*1 chosen/s)
  sender.type(`${DOWN}\t`)
  await sender.shows(/> \[x\] photos\/.*2 chosen/s)
  sender.type('\r')
  t.is(await sender.ended, 0)
  t.is(await screen.ended, 0)
  t.deepEqual(Object.keys(await listing(join(cwd, 'in'))).sort(), [
    'notes.txt',
    'photos',
    'photos/2024',
    'photos/2024/cat.jpg',
    'photos/beach.jpg',
  ])
})

test('the search finds what is deeper, but not in hidden folders, and what was chosen before stays chosen', async (t) => {
  const { cwd, sluice } = await place(t)
  const { address } = await receiver(sluice, '--yes')
  const sender = await sluice(['send', '--to', address])
  await sender.shows(/> \[ \] notes\.txt/)
  sender.type('\t')
  await sender.shows(/1 chosen/)
  sender.type('secret')
  await sender.shows(/search: secret.*1 chosen, 0 found/s)
  sender.type(`${'\u007f'.repeat(6)}CAT`)
  await sender.shows(/search: CAT.*> \[ \] photos\/2024\/cat\.jpg\s+1 chosen, 1 found/s)
  sender.type('\t\r')
  t.is(await sender.ended, 0)
  t.deepEqual(Object.keys(await listing(join(cwd, 'in'))).sort(), ['cat.jpg', 'notes.txt'])
})

test('Enter without a choice says so; Escape, Ctrl-C and Ctrl-D end with 130, and nothing is sent', async (t) => {
  const { sluice } = await place(t)
  for (const key of [ESCAPE, '\u0003', '\u0004']) {
    const sender = await sluice(['send', '--plain', '--listen', '127.0.0.1:0'], {
      shell: '"$0" "$@"; set -- $?; stty -a | grep -o -- "-*icanon"; (exit $1)',
    })
    await sender.shows(/0 chosen/)
    sender.type('\r')
    await sender.shows(/nothing is chosen yet: Tab chooses/)
    sender.type(key)
    t.is(await sender.ended, 130)
    t.regex(sender.text, /sluice: (nothing was chosen, and nothing is sent|stopped by the user)\nicanon$/)
    t.notRegex(sender.raw, /127\.0\.0\.1/)
    // the cursor is there again
    t.true(sender.raw.lastIndexOf('\u001b[?25h') > sender.raw.lastIndexOf('\u001b[?25l'))
  }
})

test('names with escapes are shown escaped, and sent as they are; a file called - is no standard input', async (t) => {
  const hostile = 'evil\u001b]0;owned\u0007\u202e.txt'
  const { cwd, sluice } = await place(t, { [hostile]: 'x', '-': 'dash' })
  const { address } = await receiver(sluice, '--yes')
  const sender = await sluice(['send', '--to', address])
  await sender.shows(/evil\\u\{1b\}\]0;owned/)
  sender.type(`\t${DOWN}\t\r`)
  t.is(await sender.ended, 0)
  t.false(sender.raw.includes('\u001b]0;owned'))
  t.deepEqual(Object.keys(await listing(join(cwd, 'in'))).sort(), ['-', hostile].sort())
})

test('a folder of 10,000 files is searched from its first row to its last, without colours where they are not wanted', async (t) => {
  const { cwd, sluice } = await place(t, {})
  await mkdir(join(cwd, 'many'))
  for (let n = 0; n < 10_000; n++) await writeFile(join(cwd, 'many', `${n}.txt`), '')
  const sender = await sluice(['send', '--plain', '--listen', '127.0.0.1:0'], { env: { NO_COLOR: '1' } })
  // the only folder here: what is in it
  await sender.shows(/> \[ \] many\/0\.txt.*0 chosen, 1000 or more found/s)
  sender.type(UP)
  await sender.shows(/> \[ \] many\/\d+\.txt\s+0 chosen/)
  sender.type('9999')
  await sender.shows(/> \[ \] many\/9999\.txt\s+0 chosen, 1 found/)
  const colour = '\u001b['
  t.false(sender.raw.split(colour).some((after) => /^[\d;]*m/.test(after)))
  sender.type(ESCAPE)
  t.is(await sender.ended, 130)
})

test('without a terminal, or one that can erase nothing, a path is missing, as it always was', async (t) => {
  const { sluice } = await place(t)
  const usage = /sluice: missing required argument 'path'/
  for (const options of [{ shell: '"$0" "$@" < /dev/null' }, { env: { TERM: 'dumb' } }]) {
    const sender = await sluice(['send', '--to', '127.0.0.1:1'], options)
    t.is(await sender.ended, 2)
    t.regex(sender.text, usage)
  }
  const piped = await sluice(['send', '--to', '127.0.0.1:1'], { shell: '"$0" "$@" 2> said' })
  t.is(await piped.ended, 2)
})

test('a receiver that nobody knows is told before anybody is asked what to send', async (t) => {
  const { sluice } = await place(t)
  for (const more of [[], ['--watch']]) {
    const sender = await sluice(['send', '--to', 'anna', ...more], { env: { SLUICE_HOME: 'nowhere' } })
    t.is(await sender.ended, 2)
    t.regex(sender.text, /anna/)
    t.notRegex(sender.text, /What to send/)
  }
})

test('links are no choice: what they lead to would be sent, and nobody saw it', async (t) => {
  const { cwd, sluice } = await place(t, { 'notes.txt': 'notes', 'folder/deep.txt': 'deep' })
  await symlink('/etc', join(cwd, 'away'))
  await symlink('../notes.txt', join(cwd, 'folder/away'))
  const sender = await sluice(['send', '--plain', '--listen', '127.0.0.1:0', '--links'])
  await sender.shows(/folder\/\s+\[ \] notes\.txt\s+0 chosen, 2 found/)
  sender.type('away')
  await sender.shows(/search: away.*0 chosen, 0 found/s)
  sender.type(ESCAPE)
  t.is(await sender.ended, 130)
})

test('in an empty folder there is nothing to choose', async (t) => {
  const { sluice } = await place(t, {})
  const sender = await sluice(['send', '--to', '127.0.0.1:1'])
  t.is(await sender.ended, 2)
  t.regex(sender.text, /there is nothing to choose from in this folder/)
})

test('a receiver takes some of an offer: files, and folders as a whole', async (t) => {
  const { cwd, sluice } = await place(t)
  const { screen, address } = await receiver(sluice)
  const sender = await sluice(['send', 'photos', 'notes.txt', 'report.pdf', '--to', address])
  await screen.shows(/Accept\? \(y \/ n \/ some \/ list\)/)
  screen.type('some\r')
  await screen.shows(
    /> \[ \] photos\/\s+\[ \] notes\.txt {2}5 B\s+\[ \] report\.pdf {2}6 B\s+0 chosen, 3 found/,
  )
  screen.type('2024/')
  await screen.shows(/> \[ \] photos\/2024\/\s/)
  screen.type('\t')
  await screen.shows(/1 chosen/)
  screen.type(`${'\u007f'.repeat(5)}report`)
  await screen.shows(/> \[ \] report/)
  screen.type('\t')
  await screen.shows(/2 chosen/)
  screen.type('\r')
  t.is(await screen.ended, 0)
  t.is(await sender.ended, 0)
  t.regex(screen.text, /Take what\? 2 chosen\n2 files, 2 folders in in\/ .*2 left out/)
  t.deepEqual(Object.keys(await listing(join(cwd, 'in'))).sort(), [
    'photos',
    'photos/2024',
    'photos/2024/cat.jpg',
    'report.pdf',
  ])
})

test('Escape leads back to the question, and Ctrl-C stops', async (t) => {
  const { cwd, sluice } = await place(t)
  const { screen, address } = await receiver(sluice)
  const sender = await sluice(['send', 'photos', '--to', address])
  await screen.shows(/Accept\?/)
  for (const last of [ESCAPE, '\u0003']) {
    screen.type('s\r')
    await screen.shows(last === ESCAPE ? /0 chosen/ : /Take what\?.*Take what\?/s)
    screen.type(last)
    if (last === ESCAPE) await screen.shows(/Accept\?.*Accept\?/s)
  }
  t.is(await screen.ended, 130)
  t.is(await sender.ended, 4)
  t.false((await readdir(cwd)).includes('in'))
})

test('the question which files goes with the sender that is gone', async (t) => {
  const { sluice } = await place(t)
  const { screen, address } = await receiver(sluice)
  const sender = await sluice(['send', 'photos', '--to', address])
  await screen.shows(/Accept\?/)
  screen.type('some\r')
  await screen.shows(/0 chosen/)
  sender.type('\u0003')
  t.is(await sender.ended, 130)
  t.is(await screen.ended, 4)
  t.regex(screen.text, /cancelled by the peer/)
})

/** A shell in which the command can be stopped, and goes on when a line is typed. */
const STOPPABLE = 'set -m; "$0" "$@"; stty -a | grep -o -- "-*icanon"; read -r _; fg'

test('Ctrl-Z while files are chosen leaves the terminal as it was, and what was chosen is there afterwards', async (t) => {
  const { cwd, sluice } = await place(t)
  const { screen, address } = await receiver(sluice, '--yes')
  const sender = await sluice(['send', '--to', address], { shell: STOPPABLE })
  await sender.shows(/> \[ \] notes\.txt/)
  sender.type('\t')
  await sender.shows(/1 chosen/)
  sender.type('\u001a')
  await sender.shows(/icanon/)
  t.true(sender.raw.lastIndexOf('\u001b[?25h') > sender.raw.lastIndexOf('\u001b[?25l'))
  sender.type('\r')
  await sender.shows(/icanon.*> \[x\] notes\.txt.*1 chosen/s)
  t.true(sender.raw.lastIndexOf('\u001b[?25h') < sender.raw.lastIndexOf('\u001b[?25l'))
  sender.type(`${DOWN}\t`)
  await sender.shows(/> \[x\] photos\/.*2 chosen/s)
  sender.type('\r')
  t.is(await sender.ended, 0)
  t.is(await screen.ended, 0)
  t.deepEqual((await readdir(join(cwd, 'in'))).sort(), ['notes.txt', 'photos'])
})

test('Ctrl-Z at the question of a receiver, and while a ticket is asked for, leads back to it', async (t) => {
  const { sluice } = await place(t)
  const screen = await sluice(['receive', '--plain', '--dir', 'in', '--once'], { shell: STOPPABLE })
  await screen.shows(/Ctrl-C stops/)
  const sender = await sluice(['send', 'notes.txt', '--to', '-'], { shell: STOPPABLE })
  await sender.shows(/it is not shown/)
  sender.type('\u001a')
  await sender.shows(/icanon/)
  sender.type('\r')
  // what is typed goes to the command again, which shows nothing of it
  await sender.shows(/icanon.*"\$\{0\}"/s)
  sender.type(`${/127\.0\.0\.1:\d+/.exec(screen.raw)![0]}\r`)
  await screen.shows(/Accept\?/)
  screen.type('\u001a')
  await screen.shows(/icanon/)
  screen.type('\r')
  await screen.shows(/icanon.*Accept\?/s)
  screen.type('y\r')
  t.is(await screen.ended, 0)
  t.is(await sender.ended, 0)
})

test('some of an offer can be taken together, but not with --delete, which needs all of it', async (t) => {
  const { cwd, sluice } = await place(t)
  const together = await receiver(sluice, '--together')
  const sender = await sluice(['send', 'photos', '--to', together.address])
  await together.screen.shows(/some/)
  together.screen.type('some\r')
  await together.screen.shows(/> \[ \] photos\/2024\//)
  together.screen.type('\t\r')
  t.is(await together.screen.ended, 0)
  t.is(await sender.ended, 0)
  t.deepEqual(Object.keys(await listing(join(cwd, 'in'))), ['photos', 'photos/2024', 'photos/2024/cat.jpg'])

  const mirror = await receiver(sluice, '--delete', '--conflict', 'overwrite')
  const again = await sluice(['send', 'photos', '--to', mirror.address])
  await mirror.screen.shows(/Accept\? \(y \/ n \/ list\)/)
  mirror.screen.type('some\r')
  await mirror.screen.shows(/with --delete it is all or nothing; please answer y, n or list/)
  mirror.screen.type('n\r')
  t.is(await again.ended, 3)
})
