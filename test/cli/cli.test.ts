import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, open, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import test, { type ExecutionContext } from 'ava'
import { call } from '../helpers/call.js'
import { Command, type Ended, run } from '../helpers/command.js'
import { listing, plant, temporary } from '../helpers/folders.js'
import { scale } from '../helpers/scale.js'

const TREE = {
  'photos/a b': 'hello',
  "photos/it's": '',
  'photos/none': null,
  'photos/\u202eemoji 😀': Buffer.alloc(300_000, 'x'),
}

async function setup(t: ExecutionContext<unknown>) {
  const source = await plant(await temporary(t), TREE)
  return { source, photos: join(source, 'photos'), dir: join(await temporary(t), 'in') }
}

test('receive and send move a folder; the address is the first line', async (t) => {
  const { source, photos, dir } = await setup(t)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes'])
  const address = await receiver.line()
  t.regex(address, /^127\.0\.0\.1:\d+$/)
  const sent = await run(t, 'send', photos, '--to', address)
  t.is(sent.code, 0, sent.err)
  t.is(sent.out, '')
  t.regex(sent.err, /^3 files, 2 folders sent \(300 kB(, [\d.]+ [kM]?B\/s)?\)$/m)
  const received = await receiver.ended
  t.is(received.code, 0, received.err)
  t.is(received.out, address)
  t.regex(received.err, /^3 files, 2 folders in [^ ]*\/in\/ \(300 kB(, [\d.]+ [kM]?B\/s)?\)$/m)
  t.false(/\u202e/.test(received.err))
  t.deepEqual(await listing(dir), await listing(source))
})

test('either side may listen', async (t) => {
  const { source, photos, dir } = await setup(t)
  const sender = new Command(t, ['send', photos, '--plain', '--listen', '127.0.0.1:0', '--limit', '50M'])
  const received = await run(t, 'receive', await sender.line(), '--dir', dir, '--yes')
  t.is(received.code, 0, received.err)
  t.is((await sender.ended).code, 0)
  t.deepEqual(await listing(dir), await listing(source))
})

test('with --json there is one event per line, of one version, and nothing else', async (t) => {
  const { photos, dir } = await setup(t)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes', '--json'])
  const { event, address, version } = JSON.parse(await receiver.line())
  t.is(event, 'listening')
  t.is(version, 1)
  const sent = await run(t, 'send', photos, '--to', address, '--json')
  const received = await receiver.ended
  for (const { out, err } of [sent, received]) {
    const events = out.split('\n').map((line) => JSON.parse(line))
    t.is(err, '')
    t.is(events.filter((event) => event.event === 'file').length, 5)
    t.like(events.at(-1), { event: 'completed', version: 1, published: 5, failed: 0 })
  }
})

test('KNOWN-FAILURES 19, 33: without --yes and without a terminal an offer is refused, and nothing is left', async (t) => {
  const { photos, dir } = await setup(t)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once'])
  const sent = await run(t, 'send', photos, '--to', await receiver.line())
  t.is(sent.code, 3)
  t.regex(sent.err, /--yes/)
  const received = await receiver.ended
  t.is(received.code, 3)
  t.regex(received.err, /^warning: there is no terminal to ask at.*--yes/)
  t.regex(received.err, /3 files, 2 folders/)
  await t.throwsAsync(listing(dir), { code: 'ENOENT' })
})

test('a folder goes through a pipe', async (t) => {
  const { source, photos, dir } = await setup(t)
  const pack = new Command(t, ['pack', photos])
  const unpack = new Command(t, ['unpack', '--dir', dir], { input: 'pipe' })
  await pipeline(pack.child.stdout!, unpack.child.stdin!)
  t.is((await pack.ended).code, 0)
  const { code, err } = await unpack.ended
  t.is(code, 0, err)
  t.deepEqual(await listing(dir), await listing(source))
})

test('unpack warns of what an earlier run left and it cannot read', async (t) => {
  const { photos, dir } = await setup(t)
  await plant(dir, { '.sluice/junk': 'no journal' })
  await rename(join(dir, '.sluice/junk'), join(dir, `.sluice/${'0'.repeat(32)}.journal`))
  await chmod(join(dir, '.sluice'), 0o700)
  const pack = new Command(t, ['pack', photos])
  const unpack = new Command(t, ['unpack', '--dir', dir], { input: 'pipe' })
  await pipeline(pack.child.stdout!, unpack.child.stdin!)
  const { code, err } = await unpack.ended
  t.is(code, 0)
  t.regex(err, /warning: .*\.journal cannot be read/)
})

test('standard input goes as a file', async (t) => {
  const { dir } = await setup(t)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes'])
  const sender = new Command(t, ['send', '-', '--name', 'log.txt', '--to', await receiver.line()], {
    input: 'pipe',
  })
  sender.child.stdin!.end('from a pipe')
  t.is((await sender.ended).code, 0)
  t.is((await receiver.ended).code, 0)
  // nobody chose its mode
  const mode = (0o666 & ~process.umask()).toString(8)
  t.true(
    Object.entries(await listing(dir))
      .join()
      .startsWith(`log.txt,file ${mode} 11 `),
  )
})

test('a dry run says what would be sent, and sends nothing', async (t) => {
  const { photos } = await setup(t)
  const { code, out, err } = await run(
    t,
    'send',
    photos,
    '--dry-run',
    '--exclude',
    'none/',
    '--exclude',
    'it*',
  )
  t.is(code, 0)
  t.deepEqual(out.split('\n'), ['photos', 'photos/a b', 'photos/\\u{202e}emoji 😀'])
  t.regex(err, /2 files, 1 folder/)
})

test('a receiver serves one transfer after the other until it is stopped', async (t) => {
  const { photos, dir } = await setup(t)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--yes'])
  const address = await receiver.line()
  for (let i = 0; i < 2; i++) t.is((await run(t, 'send', photos, '--to', address)).code, 0)
  receiver.child.kill('SIGINT')
  t.is((await receiver.ended).code, 130)
})

test('Ctrl-C ends both sides, with 130 here and 4 there, and is told to the peer', async (t) => {
  const { photos, dir } = await setup(t)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes', '--json'])
  const { address } = JSON.parse(await receiver.line())
  const sender = new Command(t, ['send', photos, '--to', address, '--limit', '50k', '--json'])
  while (JSON.parse(await sender.line()).state !== 'sending');
  sender.child.kill('SIGINT')
  t.is((await sender.ended).code, 130)
  const { code, out } = await receiver.ended
  t.is(code, 4)
  t.regex(out, /stopped by the user/)
})

test('HOSTILE-INPUT 56: silent connections, more than are kept, do not keep an honest one out', async (t) => {
  const { photos, dir } = await setup(t)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes'])
  const [, port] = (await receiver.line()).split(':')
  const silent = Array.from({ length: scale(300, 1000) }, () =>
    connect(Number(port), '127.0.0.1').on('error', () => {}),
  )
  t.teardown(() => silent.forEach((socket) => void socket.destroy()))
  await Promise.all(silent.slice(0, 100).map((socket) => once(socket, 'connect')))
  const sent = await run(t, 'send', photos, '--to', `127.0.0.1:${port}`)
  t.is(sent.code, 0, sent.err)
  t.is((await receiver.ended).code, 0)
})

/** What is in a folder, if it is there; files may come and go meanwhile. */
const names = (folder: string) => readdir(folder).catch(() => [])

test('what a killed receiver leaves is shown by status, and removed by clean, with --yes only', async (t) => {
  const { photos, source, dir } = await setup(t)
  await mkdir(dir)
  await writeFile(join(dir, 'mine.part'), 'not of a transfer')
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes', '--json'])
  const { address } = JSON.parse(await receiver.line())
  new Command(t, ['send', photos, '--to', address, '--limit', '5k'])
  const partThere = async () => {
    const part = (await names(join(dir, 'photos'))).find((name) => /emoji.*part$/.test(name))
    return part !== undefined && (await stat(join(dir, 'photos', part))).size > 0
  }
  while (!(await partThere())) await receiver.line()
  receiver.child.kill('SIGKILL')
  await receiver.ended
  const status = await run(t, 'status', dir)
  t.is(status.code, 0)
  t.regex(status.out, /^interrupted {2}20\d\d-\S+ \S+ {2}.*% .* of .* {2}photos\/.*emoji[^.]*\S*$/m)
  t.regex(status.err, /^1 unfinished file, .*: the same commands again go on/)
  const link = join(source, 'link')
  await symlink(join(dir, 'photos'), link)
  t.is((await run(t, 'status', `${link}/..`)).out, status.out)
  const events = (await run(t, 'status', dir, '--json')).out.split('\n').map((line) => JSON.parse(line))
  const [begun] = events.filter(({ state }) => state === 'in_progress')
  t.like(begun, { version: 1, event: 'unfinished', owner: 'gone', ranges: [{ start: 0 }] })
  t.regex(begun.part, /^photos\/.*emoji.*part$/)
  t.regex((await run(t, 'clean', dir)).out, /^left photos.*emoji.*part/)
  t.true(await partThere())
  const clean = await run(t, 'clean', dir, '--yes')
  t.is(clean.code, 0, clean.err)
  t.regex(clean.out, /^removed photos/)
  t.false(await partThere())
  t.truthy((await listing(dir))['mine.part'])
  t.is((await run(t, 'status', dir)).out, '')
  t.regex(
    (await run(t, 'clean', dir)).err,
    /^there is nothing to clean; temporary files.* sluice recover .*in$/m,
  )
})

const WRONG: [string, string[], number, RegExp][] = [
  ['an unknown command', ['sendd'], 2, /unknown command/],
  ['an unknown option', ['send', '--bogus'], 2, /--bogus/],
  ['an option with one dash', ['send', '.', '-to', '127.0.0.1:1'], 2, /'-to' \(Did you mean --to\?\)/],
  ['a missing argument', ['send'], 2, /path.*; sluice send --help says more/],
  ['an address that is none', ['send', '.', '--to', 'here'], 2, /HOST:PORT/],
  ['a folder as the address', ['receive', 'inbox'], 2, /"inbox" is neither a ticket.*: --dir inbox/],
  ['a port that is none', ['send', '.', '--to', '127.0.0.1:99999'], 2, /a port is at most 65535/],
  ['a pattern that is missing', ['send', '.', '--include', '--to', '127.0.0.1:1'], 2, /--include took --to/],
  ['an address that is not loopback', ['send', '.', '--to', '192.0.2.1:7'], 2, /loopback.*give a ticket/],
  ['listening on all addresses', ['receive', '--plain', '--listen', '0.0.0.0:0'], 2, /loopback/],
  ['a policy that is none', ['receive', '--conflict', 'maybe'], 2, /rename/],
  ['a rate that is none', ['send', '.', '--to', '127.0.0.1:1', '--limit', 'fast'], 2, /fast.*rate/],
  ['an algorithm that is none', ['send', '.', '--dry-run', '--hash', 'md17'], 2, /md17/],
  ['standard input without a name', ['send', '-', '--to', '127.0.0.1:1'], 2, /--name/],
  ['standard input and files', ['pack', '-', '.', '--name', 'x'], 2, /together/],
  ['a folder that is not there', ['status', 'nowhere'], 2, /nowhere/],
  ['two addresses', ['receive', '127.0.0.1:1', '--plain', '--listen', '127.0.0.1:0'], 2, /either/],
]
/** What fails only after it has begun is run as a process, which has to end then. */
const BEGUN: typeof WRONG = [
  ['a missing path', ['send', '/nowhere/at/all', '--to', '127.0.0.1:1'], 2, /nowhere.*no such file/],
  ['a special file', ['send', '/dev/null', '--to', '127.0.0.1:1'], 2, /nothing to send: .*null/],
  ['nobody who listens', ['send', '.', '--to', '127.0.0.1:1'], 6, /nobody listens/],
  ['a packed stream that is none', ['unpack'], 4, /nothing came from standard input/],
]

fails(WRONG, (_t, args, folder) => call(...args.map((arg) => (arg === '.' ? folder : arg))))
fails(BEGUN, (t, args, cwd) => new Command(t, args, { cwd }).ended)

function fails(
  rows: typeof WRONG,
  start: (t: ExecutionContext<unknown>, args: string[], folder: string) => Promise<Ended>,
): void {
  for (const [name, args, exit, message] of rows)
    test(`${name} gives one line on standard error, and exit ${exit}`, async (t) => {
      const { code, out, err } = await start(t, args, await temporary(t))
      t.is(code, exit, err)
      t.is(out, '')
      t.regex(err, message)
      t.regex(err, /^sluice: [^\n]+\n$/)
    })
}

test('a folder that cannot be opened is exit 2, with the reason', async (t) => {
  const { source, photos } = await setup(t)
  const closed = join(source, 'closed')
  await mkdir(closed, { mode: 0 })
  const wrong: [string, string, string][] = [
    ['status', join(source, 'none'), 'it does not exist (ENOENT)'],
    ['clean', join(photos, 'a b'), 'it is a file, or below one (ENOTDIR); name a folder'],
    ['recover', join(photos, 'a b', 'below'), 'it is a file, or below one (ENOTDIR); name a folder'],
  ]
  if (process.getuid?.() !== 0)
    wrong.push(['status', closed, 'permission denied (EACCES); check owner and mode of the folder'])
  for (const [command, dir, why] of wrong) {
    const { code, out, err } = await run(t, command, dir)
    t.is(code, 2)
    t.is(out, '')
    t.is(err, `sluice: cannot open the folder ${dir}: ${why}\n`)
  }
})

test('a port in use is exit 2', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const { code, err } = await run(t, 'receive', '--plain', '--listen', `127.0.0.1:${port}`)
  t.is(code, 2)
  t.regex(err, /^sluice: [^\n]*in use[^\n]*\n$/)
})

test('a peer that speaks HTTP is exit 7', async (t) => {
  const { photos } = await setup(t)
  const server = createServer((socket) =>
    socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const { code, err } = await run(t, 'send', photos, '--to', `127.0.0.1:${port}`)
  t.is(code, 7, err)
  t.regex(err, /^sluice: [^\n]*not a Sluice peer[^\n]*\n$/)
})

test('a sender that listens tells of strangers in one line each, and waits for its receiver', async (t) => {
  const { source, photos, dir } = await setup(t)
  await symlink('a b', join(photos, 'link'))
  for (const json of [false, true]) {
    const sender = new Command(t, [
      'send',
      photos,
      '--plain',
      '--listen',
      '127.0.0.1:0',
      ...(json ? ['--json'] : []),
    ])
    const first = await sender.line()
    const address: string = json ? JSON.parse(first).address : first
    const port = Number(address.split(':')[1])
    // one that says nothing, and stays
    const silent = connect(port, '127.0.0.1').on('error', () => {})
    t.teardown(() => silent.destroy())
    for (const words of ['GET / HTTP/1.1\r\n\r\n', '']) {
      const stranger = connect(port, '127.0.0.1').on('error', () => {})
      stranger.resume().end(words)
      // it may be reset
      await new Promise((resolve) => stranger.on('close', resolve))
    }
    const received = await run(t, 'receive', address, '--dir', dir, '--yes')
    t.is(received.code, 0, received.err)
    const { code, out, err } = await sender.ended
    t.is(code, 0, err)
    const events = json ? out.split('\n').map((line) => JSON.parse(line)) : []
    const all: string[] = json
      ? events.filter(({ event }) => event === 'warning').map(({ message }) => `warning: ${message}`)
      : err.split('\n').filter((line) => line.startsWith('warning: '))
    // on a busy machine the silent one is given up meanwhile
    const warnings = all.filter((line) => !line.includes('handshake did not end'))
    t.is(warnings.length, 3, warnings.join())
    t.regex(warnings[0]!, /link/)
    t.regex(warnings[1]!, /^warning: a connection came to nothing: .*not a Sluice peer.*; still listening$/)
    t.regex(warnings[2]!, /^warning: a connection came to nothing: .*; still listening$/)
    if (json) {
      t.is(err, '')
      const states = events.filter(({ event }) => event === 'state').map(({ state }) => state)
      t.deepEqual(states, ['offered', 'sending', 'completed'])
    }
  }
  await rm(join(photos, 'link'))
  t.deepEqual(await listing(dir), await listing(source))
})

test('a file that cannot be read fails alone: exit 1 on both sides', async (t) => {
  if (process.getuid?.() === 0) return t.pass('root reads everything')
  const { photos, dir } = await setup(t)
  await chmod(join(photos, 'a b'), 0)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes'])
  t.is((await run(t, 'send', photos, '--to', await receiver.line())).code, 1)
  t.is((await receiver.ended).code, 1)
})

test('a destination that becomes a file while the receiver waits is exit 8 on both sides', async (t) => {
  const { photos, dir } = await setup(t)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes'])
  const address = await receiver.line()
  await writeFile(dir, 'a file')
  const sent = await run(t, 'send', photos, '--to', address)
  const received = await receiver.ended
  t.is(received.code, 8, received.err)
  t.is(sent.code, 8, sent.err)
})

test('KNOWN-FAILURES 16: a sender whose receiver dies is interrupted, never successful', async (t) => {
  const { photos, dir } = await setup(t)
  await mkdir(dir)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes'])
  const at = ['--to', await receiver.line()]
  const sender = new Command(t, ['send', photos, ...at, '--limit', '50k', '--json'])
  while (JSON.parse(await sender.line()).state !== 'sending');
  receiver.child.kill('SIGKILL')
  const { code, out } = await sender.ended
  t.is(code, 4, out)
})

test('results that cannot be written are an error, and the address that nobody read is not listened at', async (t) => {
  if (!existsSync('/dev/full')) return t.pass('no full disk at hand')
  const { photos, dir } = await setup(t)
  const wrong = [
    ['receive', '--plain', '--dir', dir, '--yes'],
    ['send', photos, '--dry-run'],
    ['pack', photos],
    ['--help'],
    ['send', '--help'],
    ['--version'],
  ]
  for (const args of wrong) {
    const full = await open('/dev/full', 'w')
    t.teardown(() => full.close())
    const { code, err } = await new Command(t, args, { output: full.fd }).ended
    t.is(code, 8, err)
    t.regex(err, /^(3 files[^\n]*\n)?sluice: cannot write standard output: no space[^\n]*\n$/)
  }
})

test('a reader of notes that goes away does not end a transfer', async (t) => {
  const { source, photos, dir } = await setup(t)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes'])
  receiver.child.stderr!.destroy()
  const sent = await run(t, 'send', photos, '--to', await receiver.line())
  t.is(sent.code, 0, sent.err)
  t.is((await receiver.ended).code, 0)
  t.deepEqual(await listing(dir), await listing(source))
})

test('unpack ends its events as a transfer does, and says what has another name', async (t) => {
  const { photos, dir } = await setup(t)
  const unpack = async (...flags: string[]) => {
    const pack = new Command(t, ['pack', photos])
    const command = new Command(t, ['unpack', '--dir', dir, ...flags], { input: 'pipe' })
    await pipeline(pack.child.stdout!, command.child.stdin!)
    return command.ended
  }
  const events = (await unpack('--json')).out.split('\n').map((line) => JSON.parse(line))
  t.like(events[0], { event: 'offer', name: 'photos', entries: 5, bytes: 300_005 })
  t.like(events.at(-1), { event: 'completed', id: events[0].id, published: 5, failed: 0, bytes: 300_005 })
  await writeFile(join(dir, 'photos/a b'), 'of my own')
  t.regex(
    (await unpack()).err,
    /photos\/a b: the name was taken, so that it was saved as photos\/a b_1\nwhat becomes of [^\n]*\n1 file in .*; 2 files, 2 folders there already/,
  )
})

test('what is called like what Sluice makes for itself is saved under another name, and people are told why', async (t) => {
  const dir = await temporary(t)
  const pack = new Command(t, [
    'pack',
    await plant(join(await temporary(t), 'home'), { '.sluice/own': 'mine' }),
  ])
  const unpack = new Command(t, ['unpack', '--dir', dir], { input: 'pipe' })
  await pipeline(pack.child.stdout!, unpack.child.stdin!)
  const { code, err } = await unpack.ended
  t.is(code, 0, err)
  t.regex(
    err,
    /home\/\.sluice\/own: Sluice keeps such names for itself, so that it was saved as home\/_\.sluice\/own/,
  )
})

test('a folder in place of standard input is an error, not an empty file', async (t) => {
  const { source, dir } = await setup(t)
  for (const args of [
    ['pack', '-', '--name', 'x'],
    ['send', '-', '--name', 'x', '--dry-run'],
    ['unpack', '--dir', dir],
  ]) {
    const folder = await open(source)
    t.teardown(() => folder.close())
    const { code, err } = await new Command(t, args, { input: folder.fd }).ended
    t.is(code, 1)
    t.regex(err, /^sluice: cannot read standard input: [^\n]*EISDIR[^\n]*\n$/)
  }
})

test('Ctrl-C while nobody connects ends at once', async (t) => {
  const { photos } = await setup(t)
  const listening = new Command(t, ['send', photos, '--plain', '--listen', '127.0.0.1:0'])
  await listening.line()
  listening.child.kill('SIGINT')
  const { code, err } = await listening.ended
  t.is(code, 130)
  t.regex(err, /^sluice: stopped before anybody connected\n$/)
})

test('the events of pack are on standard error: standard output is the stream', async (t) => {
  const { photos, dir } = await setup(t)
  const failed = await run(t, '--json', 'pack', join(photos, 'nowhere'))
  t.is(failed.code, 2)
  t.is(failed.out, '')
  t.like(JSON.parse(failed.err), { event: 'error', exit: 2 })
  const packing = new Command(t, ['pack', photos, '--json'])
  const unpack = new Command(t, ['unpack', '--dir', dir, '--json'], { input: 'pipe' })
  await pipeline(packing.child.stdout!, unpack.child.stdin!)
  const told = (await packing.ended).err.trim().split('\n')
  const { id, ...packed } = JSON.parse(told.at(-1)!)
  t.like(packed, { event: 'completed', published: 5, failed: 0 })
  // if it takes long enough
  for (const line of told.slice(0, -1)) t.like(JSON.parse(line), { event: 'progress', id })
  const events = (await unpack.ended).out.split('\n').map((line) => JSON.parse(line))
  t.deepEqual(new Set(events.map((event) => event.id)), new Set([id]))
})

test('what would fail with the first connection is refused before', async (t) => {
  const { photos } = await setup(t)
  const file = join(photos, 'a b')
  const link = join(photos, 'link')
  await symlink('nowhere', link)
  for (const [args, message] of [
    [['receive', '--plain', '--dir', '', '--yes'], /--dir must be a path/],
    [['unpack', '--dir', ''], /--dir must be a path/],
    [['receive', '--plain', '--dir', file, '--yes'], /--dir must be a folder, and .*a b is a file/],
    [['receive', '--plain', '--dir', join(file, 'below'), '--yes'], /--dir must be a folder/],
    [['unpack', '--dir', file], /--dir must be a folder/],
    [['receive', '--plain', '--dir', link, '--yes'], /link is a link that leads to nothing/],
    [['receive', '--plain', '--dir', join(link, 'below'), '--yes'], /link is a link that leads to nothing/],
    [['receive', '--plain', '--dir', '/dev', '--yes'], /\/dev is no folder of a disk/],
    [['send', '-', '--name', 'x', '--include', '*.ts', '--to', '127.0.0.1:1'], /--include is for folders/],
    [['send', photos, '--limit', '1', '--to', '127.0.0.1:1'], /the lowest rate is 1k/],
  ] as const) {
    const { code, out, err } = await call(...args)
    t.is(code, 2, args.join(' '))
    t.is(out, '')
    t.regex(err, message)
    t.regex(err, /^sluice: [^\n]*\n$/)
  }
})

test('a lost connection is made again, and the transfer goes on there, with one receiver after the other', async (t) => {
  for (const more of [['--once'], []]) {
    const { photos, dir } = await setup(t)
    const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--yes', '--json', ...more])
    const { address } = JSON.parse(await receiver.line())
    const [host, port] = address.split(':') as [string, string]
    let breaks = 2
    const proxy = createServer((near) => {
      const far = connect(Number(port), host)
      let bytes = 0
      near.on('data', (chunk) => {
        bytes += chunk.length
        if (bytes > 10_000 && breaks > 0) {
          breaks--
          near.destroy()
        }
      })
      near.pipe(far).pipe(near)
      for (const end of [near, far])
        end.on('error', () => {}).on('close', () => (end === near ? far : near).destroy())
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    t.teardown(() => proxy.close())
    const to = `127.0.0.1:${(proxy.address() as { port: number }).port}`
    const sent = await run(t, 'send', photos, '--to', to, '--json', '--limit', '300k', '--retry', '10')
    t.is(sent.code, 0, sent.err)
    const events = sent.out.split('\n').map((line) => JSON.parse(line))
    t.deepEqual(
      events
        .filter(({ event }) => event === 'reconnecting')
        .map(({ attempt, attempts }) => [attempt, attempts]),
      [
        [1, 10],
        [2, 10],
      ],
    )
    if (more.length === 0) receiver.child.kill('SIGTERM')
    const { code, out } = await receiver.ended
    t.is(code, 0)
    const there = out.split('\n').map((line) => JSON.parse(line))
    for (const event of ['offer', 'completed']) t.is(there.filter((one) => one.event === event).length, 1)
    t.deepEqual(await listing(join(dir, 'photos')), await listing(photos))
  }
})

test('each transfer of a listening receiver ends with one completed or error, with its id in every event', async (t) => {
  const { photos, dir } = await setup(t)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--yes', '--json'])
  const { address } = JSON.parse(await receiver.line())
  const broken = new Command(t, ['send', photos, '--to', address, '--limit', '30k'])
  const events: { event: string; id?: string; state?: string }[] = []
  const until = async (last: (event: (typeof events)[number]) => boolean) => {
    do events.push(JSON.parse(await receiver.line()))
    while (!last(events.at(-1)!))
  }
  await until(({ state }) => state === 'receiving')
  broken.child.kill('SIGKILL')
  await until(({ event }) => event === 'error')
  t.is((await run(t, 'send', photos, '--to', address)).code, 0)
  await until(({ event }) => event === 'completed')
  const ids = new Set(events.map(({ id }) => id))
  t.is(ids.size, 2)
  t.false(ids.has(undefined))
  for (const id of ids) {
    t.is(events.filter((one) => one.id === id && /^(completed|error)$/.test(one.event)).length, 1)
  }
  receiver.child.kill('SIGINT')
  t.is((await receiver.ended).code, 130)
})
