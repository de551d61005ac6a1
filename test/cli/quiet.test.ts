import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Command, run } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'
import { Screen, screenFolder } from '../helpers/screen.js'

/** One transfer over a secure channel, and what both sides said. */
async function transferred(t: ExecutionContext<unknown>, flags: { send: string[]; receive: string[] }) {
  const folder = await temporary(t)
  await plant(folder, { 'src/a': 'one', 'src/b': 'two', 'in/src': 'in the way' })
  const dir = join(folder, 'in')
  const env = (name: string) => ({ env: { SLUICE_HOME: join(folder, name) } })
  const receive = ['receive', '--once', '--yes', '--listen', '127.0.0.1:0', '--dir', dir, ...flags.receive]
  const receiver = new Command(t, receive, env('receiver'))
  const first = await receiver.line()
  const ticket = first.startsWith('{') ? JSON.parse(first).address : first
  const sent = await new Command(
    t,
    ['send', join(folder, 'src'), '--to', ticket, ...flags.send],
    env('sender'),
  ).ended
  const received = await receiver.ended
  t.deepEqual([sent.code, received.code], [0, 0], sent.err + received.err)
  return { folder, ticket, sent, received }
}

test('--quiet leaves the results, and of what people read only errors', async (t) => {
  const { ticket, sent, received } = await transferred(t, { send: ['--quiet'], receive: ['--quiet'] })
  t.deepEqual([sent.out, sent.err, received.out, received.err], ['', '', ticket, ''])
  const dir = await plant(await temporary(t), { 'd/x': 'x' })
  const shown = await run(t, 'send', join(dir, 'd'), '--dry-run', '--quiet')
  t.deepEqual(shown, { code: 0, out: 'd\nd/x', err: '' })
  const failed = await run(t, '--quiet', 'send', join(dir, 'd'), '--to', '127.0.0.1:1')
  t.is(failed.code, 6)
  t.regex(failed.err, /^sluice: nobody listens at 127\.0\.0\.1:1; [^\n]+\n$/)
})

test('with --quiet a file that failed is told of: it is what the exit status is about', async (t) => {
  const folder = await temporary(t)
  await plant(folder, { 'src/a': 'one', 'in/src/a': 'other' })
  const packed = new Command(t, ['pack', 'src'], { cwd: folder })
  const flags = ['--dir', 'in', '--conflict', 'fail', '--quiet']
  const unpack = new Command(t, ['unpack', ...flags], { cwd: folder, input: 'pipe' })
  packed.child.stdout!.pipe(unpack.child.stdin!)
  const { code, err } = await unpack.ended
  t.is(code, 1)
  t.regex(err, /^failed: src\/a is taken [^\n]+\n$/)
})

test('--verbose tells of the address and the key of the other side, of states, and of each file', async (t) => {
  const { sent, received } = await transferred(t, { send: ['--verbose'], receive: ['--verbose'] })
  const print = '(?:[a-z2-7]{4}-){4}[a-z2-7]{4}'
  t.regex(sent.err, /^trying 127\.0\.0\.1:\d+$/m)
  t.regex(sent.err, new RegExp(`^connected to 127\\.0\\.0\\.1:\\d+, where ${print} proved its key$`, 'm'))
  t.regex(received.err, new RegExp(`^a connection from 127\\.0\\.0\\.1, where ${print} proved its key$`, 'm'))
  for (const { err } of [sent, received]) {
    t.regex(err, /^transfer [0-9a-f]{32}: completed$/m)
    t.regex(err, /^wanted: 3 entries, 6 B$/m)
    t.regex(err, /^published: src\/a as src_1\/a$/m)
  }
  const plain = await transferred(t, { send: [], receive: [] })
  t.notRegex(plain.sent.err + plain.received.err, /trying|proved|wanted|transfer [0-9a-f]{32}/)
  const events = await transferred(t, { send: ['--verbose', '--json'], receive: ['--verbose', '--json'] })
  t.deepEqual([events.sent.err, events.received.err], ['', ''])
  const both = await run(t, 'status', '--quiet', '--verbose')
  t.deepEqual([both.code, both.err], [2, 'sluice: either --quiet or --verbose, not both\n'])
})

test('--log keeps what became of it on both sides, however little people are told, and is not sent', async (t) => {
  const folder = await temporary(t)
  await plant(folder, { 'src/a': 'one' })
  const log = join(folder, 'src/log')
  await transferred(t, { send: ['--quiet', '--log', log], receive: ['--json', '--log', log] })
  const said = await run(t, 'send', join(folder, 'src'), '--to', '127.0.0.1:1', '--log', log)
  t.is(said.code, 6)
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n')
  const time = String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
  const ofTransfer = lines.filter((line) => new RegExp(`${time} [0-9a-f]{32} `).test(line))
  // of both sides
  t.is(ofTransfer.filter((line) => line.endsWith(' file published src/a as src_1/a')).length, 2)
  t.is(ofTransfer.filter((line) => / completed 3 published, /.test(line)).length, 2)
  t.regex(lines.at(-1)!, new RegExp(`${time} - error ERR_UNREACHABLE nobody listens .*\\(exit status 6\\)$`))
  const shown = await run(t, 'send', join(folder, 'src'), '--dry-run', '--log', log)
  t.is(shown.out, 'src\nsrc/a')
  t.regex(shown.err, /log is left out: this program writes to it/)
})

test('a log that cannot be written is a warning, and no failure', async (t) => {
  const folder = await temporary(t)
  await plant(folder, { 'src/a': 'one' })
  await mkdir(join(folder, 'log'))
  const { code, err, out } = await run(
    t,
    'send',
    join(folder, 'src'),
    '--dry-run',
    '--log',
    join(folder, 'log'),
  )
  t.deepEqual([code, out], [0, 'src\nsrc/a'])
  t.regex(err, /^warning: cannot write .*log: /)
})

test('on a terminal --quiet draws nothing, and no colour is written, least of all with NO_COLOR', async (t) => {
  if (process.platform === 'win32') return t.pass('no sh here')
  const cwd = await plant(await screenFolder(t), { 'big.bin': Buffer.alloc(3_000_000) })
  for (const flags of [['--quiet'], []]) {
    const env = { NO_COLOR: '1' }
    const receive = ['receive', '--plain', '--once', '--yes', '--dir', 'in', ...flags]
    const receiver = await Screen.of(t, receive, { columns: 80, cwd, env })
    await receiver.shows(/127\.0\.0\.1:54321/)
    const address = /127\.0\.0\.1:\d+/.exec(receiver.raw)![0]
    const sender = await Screen.of(t, ['send', 'big.bin', '--to', address, ...flags], {
      columns: 80,
      cwd,
      env,
    })
    t.deepEqual(await Promise.all([sender.ended, receiver.ended]), [0, 0], sender.text)
    for (const { raw } of [sender, receiver]) {
      t.false(raw.includes('\u001b') && flags.length > 0, JSON.stringify(raw))
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin so
      t.notRegex(raw, /\u001b\[[\d;:]*m/)
    }
    if (flags.length > 0) t.is(sender.raw.trim(), '')
  }
})

test('what is no terminal gets neither colours nor lines that are drawn anew, whatever the environment asks for', async (t) => {
  const folder = await plant(await temporary(t), { 'd/x': Buffer.alloc(2_000_000) })
  const env = { FORCE_COLOR: '3', CLICOLOR_FORCE: '1', COLORTERM: 'truecolor', TERM: 'xterm-256color' }
  const receive = ['receive', '--plain', '--once', '--yes', '--dir', join(folder, 'in')]
  const receiver = new Command(t, receive, { env })
  const address = await receiver.line()
  const all = [
    await new Command(t, ['send', join(folder, 'd'), '--to', address], { env }).ended,
    await receiver.ended,
    await new Command(t, ['--help'], { env }).ended,
    await new Command(t, ['send', '--unheard'], { env }).ended,
    await new Command(t, ['send', 'd', '--to', '127.0.0.1:1'], { env, cwd: folder }).ended,
  ]
  t.deepEqual(
    all.map(({ code }) => code),
    [0, 0, 0, 2, 6],
  )
  for (const { out, err } of all)
    for (const control of ['\u001b', '\r']) t.false((out + err).includes(control), out + err)
})
