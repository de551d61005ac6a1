import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import sqlite from 'node-sqlite3-wasm'
import { contentOf } from '../examples/sqlite-parts.js'
import { parseKey } from '../lib/peers/keys.js'
import { KnownPeers } from '../lib/peers/known-peers.js'
import { Command } from './helpers/command.js'
import { listing, plant, temporary } from './helpers/folders.js'

const EXAMPLES = fileURLToPath(new URL('../examples/', import.meta.url))
const TREE = { 'photos/a.jpg': 'a', 'photos/deep/b.jpg': Buffer.alloc(200_000, 'b'), 'photos/notes.txt': 'c' }

function run(t: ExecutionContext<unknown>, name: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [join(EXAMPLES, `${name}.js`), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

async function finished(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  const [output, [code]] = await Promise.all([text(child.stdout!), once(child, 'close')])
  return { code: code as number | null, output }
}

async function setup(t: ExecutionContext<unknown>) {
  const source = await plant(await temporary(t), TREE)
  return { source, photos: join(source, 'photos'), dir: join(await temporary(t), 'in') }
}

/** The first line, which is the address. */
async function portOf(child: ChildProcess): Promise<string> {
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
  return line.split(':')[1]!
}

test('the TCP sender and receiver move a folder', async (t) => {
  const { source, photos, dir } = await setup(t)
  const receiver = run(t, 'tcp-receive', dir)
  const { code, output } = await finished(run(t, 'tcp-send', await portOf(receiver), photos))
  t.is(code, 0)
  t.regex(output, /5 published/)
  if (receiver.exitCode === null) await once(receiver, 'exit')
  t.deepEqual(await listing(dir), await listing(source))
})

test('the receiver with a database has each file in it', async (t) => {
  const { photos, dir } = await setup(t)
  await mkdir(dir)
  const file = join(dir, 'files.db')
  const receiver = run(t, 'receive-into-sqlite', file)
  const { code } = await finished(run(t, 'tcp-send', await portOf(receiver), photos))
  t.is(code, 0)
  if (receiver.exitCode === null) await once(receiver, 'exit')
  t.is(receiver.exitCode, 0)
  const db = new sqlite.Database(file)
  t.teardown(() => db.close())
  for (const [path, content] of Object.entries(TREE))
    t.deepEqual(contentOf(db, path), Buffer.from(content), path)
})

test('the HTTP server answers its other route before, between and after transfers', async (t) => {
  const { source, photos, dir } = await setup(t)
  const port = await portOf(run(t, 'http-upgrade', dir))
  const hello = () =>
    new Promise<string>((resolve, reject) => {
      get({ port, host: '127.0.0.1' }, (response) => text(response).then(resolve, reject)).on('error', reject)
    })
  t.regex(await hello(), /hello/)
  const { code, output } = await finished(run(t, 'http-upgrade', '--send', port, photos))
  t.is(code, 0)
  t.regex(output, /published 5/)
  t.regex(await hello(), /hello/)
  t.deepEqual(await listing(dir), await listing(source))
})

test('the stage of a user counts while a hand-made pipeline receives', async (t) => {
  const { source, photos, dir } = await setup(t)
  const { code, output } = await finished(run(t, 'custom-stage', photos, dir))
  t.is(code, 0)
  t.regex(output, /5 entries.*'\.jpg': 2.*'\.txt': 1/)
  t.deepEqual(await listing(dir), await listing(source))
})

test('entries that are no files arrive as files', async (t) => {
  const { dir } = await setup(t)
  const { code, output } = await finished(run(t, 'send-entries', dir))
  t.is(code, 0)
  t.deepEqual(output.trim().split('\n').sort(), [
    'published tables/letters.csv',
    'published tables/nothing.csv',
    'published tables/squares.csv',
  ])
  const table = await readFile(join(dir, 'tables/squares.csv'), 'utf8')
  const rows = table.split('\n').slice(0, -1)
  t.is(rows.length, 1000)
  for (const [i, row] of rows.entries()) t.is(row.trimEnd(), `${i},${i * i}`)
  t.is((await readFile(join(dir, 'tables/letters.csv'), 'utf8')).length, 26 * 16)
})

test('streams are sent in the conversation, and go where the user wants them', async (t) => {
  const { code, output } = await finished(run(t, 'streams'))
  t.is(code, 0)
  t.deepEqual(output.trim().split('\n'), [
    '2 published',
    '0e0be6ea045a7c74e95d864f8aadc686 reports/may.csv',
    'ee041053bcc42610f15fecf813d2d4e7 reports/june.csv',
  ])
})

test('a sink of one’s own is shown the files that are verified, and hears of one that is not', async (t) => {
  const { photos } = await setup(t)
  const packed = spawn(
    process.execPath,
    [fileURLToPath(new URL('../bin/sluice.js', import.meta.url)), 'pack', photos],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  const bytes = Buffer.from(await packed.stdout.toArray().then((chunks) => Buffer.concat(chunks)))
  const received = async (some: Buffer) => {
    const child = spawn(process.execPath, [join(EXAMPLES, 'verified-sink.js')], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    child.stdin.on('error', () => {}).end(some)
    const [output, said] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { output, said }
  }
  const whole = await received(bytes)
  for (const [path, content] of Object.entries(TREE))
    t.true(whole.output.includes(`${path}: ${content.length} bytes`))
  const changed = Buffer.from(bytes)
  const at = changed.lastIndexOf('bbbbbbbb')
  changed[at]! ^= 1
  const { output, said } = await received(changed)
  t.false(output.includes('deep/b.jpg'))
  t.regex(said, /does not match its digest/)
})

test('a transfer runs over an encrypted and throttled line', async (t) => {
  const { source, photos, dir } = await setup(t)
  const { code, output } = await finished(run(t, 'throttle-encrypt', photos, dir))
  t.is(code, 0)
  t.regex(output, /published 5 entries/)
  t.deepEqual(await listing(dir), await listing(source))
})

test('drop boxes of peers that know each other take and send, each by the name of the other', async (t) => {
  const { source, photos } = await setup(t)
  const open = async () => {
    const home = await temporary(t)
    const dir = await temporary(t)
    const child = spawn(process.execPath, [join(EXAMPLES, 'drop-box.js'), dir, '127.0.0.1:0'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, SLUICE_HOME: home },
    })
    t.teardown(() => child.kill('SIGKILL'))
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const says = async (what: RegExp) => {
      for (;;) {
        const { value, done } = await lines.next()
        if (done) throw new Error(`it never said ${what}`)
        const found = what.exec(value as string)
        if (found) return found
      }
    }
    const [, key, address] = await says(/^listening: (\S+) (\S+)$/)
    return { home, dir, child, says, key: key!, address: address! }
  }
  const [anna, ben] = await Promise.all([open(), open()])
  const knows = (one: typeof anna, name: string, { key, address }: typeof anna) =>
    new KnownPeers({ home: one.home }).add({ name, key: parseKey(key), addresses: [address] })
  await Promise.all([knows(anna, 'ben', ben), knows(ben, 'anna', anna)])
  ben.child.stdin.write(`anna ${photos}\n`)
  await anna.says(/^receive ben: completed$/)
  await ben.says(/^send anna: completed$/)
  t.deepEqual(await listing(join(anna.dir, 'ben')), await listing(source))
  anna.child.stdin.write(`ben ${photos}\ncarl ${photos}\n`)
  await ben.says(/^receive anna: completed$/)
  await anna.says(/^not sent to carl: ERR_USAGE$/)
  const ends = [anna, ben].map(async ({ child }) => {
    child.stdin.end()
    if (child.exitCode === null) await once(child, 'exit')
  })
  await Promise.all(ends)
})

test('a ticket leads over a secure channel, and lets nobody else in', async (t) => {
  const { source, photos, dir } = await setup(t)
  const home = async () => ({ SLUICE_HOME: await temporary(t) })
  const receiver = spawn(process.execPath, [join(EXAMPLES, 'peers.js'), dir, '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(await home()) },
  })
  t.teardown(() => receiver.kill('SIGKILL'))
  const [lines, warnings] = [receiver.stdout, receiver.stderr].map((stream) =>
    createInterface(stream)[Symbol.asyncIterator](),
  )
  const { value: ticket } = await lines!.next()
  const sender = async (env: NodeJS.ProcessEnv) => {
    const child = spawn(process.execPath, [join(EXAMPLES, 'peers.js'), '--send', ticket, photos], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    t.teardown(() => child.kill('SIGKILL'))
    const [said, ended] = await Promise.all([text(child.stderr), finished(child)])
    return { ...ended, said }
  }
  const [ben, mallory] = [await home(), await home()]
  const { code, output } = await sender(ben)
  t.is(code, 0)
  t.regex(output, /^published 5 at [a-z2-7-]{24}\n$/)
  t.regex((await lines!.next()).value, /^5 entries from [a-z2-7-]{24}$/)
  t.deepEqual(await listing(dir), await listing(source))
  const refused = await sender(mallory)
  t.is(refused.code, 1)
  t.regex(refused.said, /^the listener does not let us in[^\n]*\n$/)
  t.regex((await warnings!.next()).value, /its ticket was used already/)
  t.is((await sender(ben)).code, 0)
})

test('the unit for systemd takes what a known peer sends, and stops in order', async (t) => {
  const unit = await readFile(new URL('../../examples/sluice-receive.service', import.meta.url), 'utf8')
  const start = /^ExecStart=sluice (.*)$/m.exec(unit)![1]!
  const success = /^SuccessExitStatus=(.*)$/m.exec(unit)![1]!.split(' ').map(Number)
  const [here, there, home] = [await temporary(t), await temporary(t), await temporary(t)]
  const sluice = (SLUICE_HOME: string, ...args: string[]) => new Command(t, args, { env: { SLUICE_HOME } })
  const key = async (of: string) => (await sluice(of, 'identity').ended).out
  t.is((await sluice(here, 'peers', 'add', 'anna', await key(there)).ended).code, 0)
  const args = start.replace('*:7000', '127.0.0.1:0').replace('%h', home).split(' ')
  const service = sluice(here, ...args)
  t.is((await sluice(there, 'peers', 'add', 'home', await key(here), await service.line()).ended).code, 0)
  const { source, photos } = await setup(t)
  const sent = await sluice(there, 'send', photos, '--to', 'home').ended
  t.is(sent.code, 0, sent.err)
  t.deepEqual(await listing(join(home, 'inbox')), await listing(source))
  const large = join(await plant(await temporary(t), { 'large.bin': Buffer.alloc(2_000_000) }), 'large.bin')
  const slow = sluice(there, 'send', large, '--to', 'home', '--limit', '200k', '--json')
  const isUnderWay = ({ event, bytes }: { event: string; bytes: number }) =>
    event === 'progress' && bytes > 400_000
  while (!isUnderWay(JSON.parse(await slow.line())));
  service.child.kill('SIGTERM')
  const stopped = await service.ended
  t.true([0, ...success].includes(stopped.code!), stopped.err)
  t.is((await slow.ended).code, 4)
  const kept = Object.keys(await listing(join(home, 'inbox')))
  t.true(kept.includes('large.bin.part'), kept.join(' '))
})

for (const name of [
  'peers',
  'drop-box',
  'tcp-send',
  'tcp-receive',
  'http-upgrade',
  'custom-stage',
  'send-entries',
  'throttle-encrypt',
]) {
  test(`${name} without arguments says how it is used`, async (t) => {
    const child = spawn(process.execPath, [join(EXAMPLES, `${name}.js`)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
    t.is(code, 2)
    t.regex(said, /^usage: /)
  })
}

/** Nothing is received into it. */
const NOWHERE = '/nonexist/in'

for (const args of [
  ['peers', '--send', 'abc', 'README.md'],
  ['peers', NOWHERE, 'nonsense'],
  ['http-upgrade', '--send', '1', 'README.md'],
  ['http-upgrade', '--send', 'abc', 'README.md'],
  ['throttle-encrypt', '/nonexist', NOWHERE],
  ['throttle-encrypt', 'README.md', NOWHERE, 'fast'],
  ['custom-stage', '/nonexist', NOWHERE],
  ['tcp-send', 'abc', 'README.md'],
  ['tcp-receive', NOWHERE, 'abc'],
] as const) {
  test(`${args.join(' ')} is told in one line`, async (t) => {
    const [name, ...rest] = args
    const child = spawn(process.execPath, [join(EXAMPLES, `${name}.js`), ...rest], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, SLUICE_HOME: await temporary(t) },
      timeout: 20_000,
    })
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
    t.is(code, 1)
    t.regex(said, /^[^\n]+\n$/)
  })
}
