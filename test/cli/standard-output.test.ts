import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { standardOutput } from '../../lib/cli/receiving/standard-output.js'
import type { Context } from '../../lib/cli/ui/context.js'
import type { Transfer } from '../../lib/transfer/transfer.js'
import type { Offer } from '../../lib/wire/entry.js'
import { Command, run } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

const LISTEN = ['--plain', '--listen', '127.0.0.1:0']

/** `receive --stdout` of what is sent with these arguments; where it keeps the file meanwhile. */
async function received(t: ExecutionContext<unknown>, ...args: string[]) {
  const temp = await temporary(t)
  const sender = new Command(t, ['send', ...args, ...LISTEN])
  const env = { TMPDIR: temp, TEMP: temp, TMP: temp }
  const receiver = new Command(t, ['receive', await sender.line(), '--stdout', '--yes'], { env })
  const [sent, got] = await Promise.all([sender.ended, receiver.ended])
  return { sent, got, left: await readdir(temp) }
}

test('a text comes out of the other side as it is, and nothing of it stays there', async (t) => {
  const text = 'two\n\u001b[31mlines — ünïcode'
  const { sent, got, left } = await received(t, '--text', text)
  t.is(sent.code, 0, sent.err)
  t.is(got.code, 0, got.err)
  t.is(got.out, text)
  t.regex(got.err, /1 file for standard output/)
  t.deepEqual(left, [])
})

test('without --stdout a text becomes a file with the time in its name, or with the name that it is given', async (t) => {
  const dir = await temporary(t)
  for (const name of [[], ['--name', 'note.md']]) {
    const sender = new Command(t, ['send', '--text', 'hello', ...name, ...LISTEN])
    const { code, err } = await run(t, 'receive', await sender.line(), '--yes', '--dir', dir)
    t.is(code, 0, err)
  }
  const names = (await readdir(dir)).sort()
  t.is(names[0], 'note.md')
  t.regex(names[1]!, /^text-\d{8}-\d{6}\.txt$/)
  for (const name of names) t.is(await readFile(join(dir, name), 'utf8'), 'hello')
})

test('who listens with --stdout gives the address on standard error, and takes one transfer', async (t) => {
  const source = await plant(await temporary(t), { a: 'content of a' })
  const receiver = new Command(t, ['receive', '--plain', '--stdout', '--yes'])
  const [said] = await once(receiver.child.stderr!, 'data')
  const address = `${said}`.trim()
  t.regex(address, /^127\.0\.0\.1:\d+$/)
  t.is((await run(t, 'send', join(source, 'a'), '--to', address)).code, 0)
  const { code, out, err } = await receiver.ended
  t.is(code, 0, err)
  t.is(out, 'content of a')
})

test('a folder, or two files, are rejected in clear words on both sides', async (t) => {
  const source = await plant(await temporary(t), { a: 'a', b: 'b', 'sub/c': 'c' })
  for (const paths of [[join(source, 'sub')], [join(source, 'a'), join(source, 'b')]]) {
    const { sent, got, left } = await received(t, ...paths)
    t.is(sent.code, 3)
    t.regex(sent.err, /takes exactly one file, and no folder: it was started with --stdout/)
    t.is(got.code, 3)
    t.is(got.out, '')
    t.regex(got.err, /exactly one file, and no folder/)
    t.deepEqual(left, [])
  }
})

test('not a byte of a file that is cut off comes out', async (t) => {
  const temp = await temporary(t)
  const source = await plant(await temporary(t), { large: Buffer.alloc(3_000_000, 'x') })
  const sender = new Command(t, ['send', join(source, 'large'), ...LISTEN, '--limit', '500k'])
  const address = await sender.line()
  const receiver = new Command(t, ['receive', address, '--stdout', '--yes', '--json'], {
    env: { TMPDIR: temp },
  })
  // events are on standard error
  let told = ''
  receiver.child.stderr!.on('data', (text) => {
    told += text
    const bytes = [...told.matchAll(/"event":"progress".*?"bytes":(\d+)/g)].at(-1)?.[1] ?? 0
    if (Number(bytes) > 100_000) sender.child.kill('SIGKILL')
  })
  const { code, out } = await receiver.ended
  t.is(code, 4)
  t.is(out, '')
  if (process.platform !== 'win32') t.deepEqual(await readdir(temp), [])
})

test('not a byte of a file comes out that was changed on its way: exit 5', async (t) => {
  const source = await plant(await temporary(t), { file: 'all is right' })
  const sender = new Command(t, ['send', join(source, 'file'), ...LISTEN])
  const [host, port] = (await sender.line()).split(':')
  const changing = createServer((socket) => {
    const onwards = connect(Number(port), host)
    for (const one of [socket, onwards]) one.on('error', () => {})
    socket.pipe(onwards)
    onwards.on('data', (bytes) => {
      const at = bytes.indexOf('right')
      if (at >= 0) bytes.write('wrong', at)
      socket.write(bytes)
    })
    onwards.on('end', () => socket.end())
  })
  t.teardown(() => changing.close())
  await once(changing.listen(0, '127.0.0.1'), 'listening')
  const address = `127.0.0.1:${(changing.address() as AddressInfo).port}`
  const { code, out, err } = await run(t, 'receive', address, '--stdout', '--yes')
  t.deepEqual([code, out], [5, ''], err)
  sender.child.kill()
})

test('on a terminal a text is shown with all escaped that is none, and nothing else is taken', async (t) => {
  const said: string[] = []
  const stdout = { isTTY: true, write: (text: string) => said.push(text) }
  const output = await standardOutput({ io: { stdout } } as unknown as Context)
  t.teardown(output.close)
  const arrived = async (content: string | Buffer) => {
    await plant(output.dir, { file: content })
    const finished = Promise.resolve({ files: [{ path: 'file' }] })
    await output.attend({ finished } as unknown as Transfer, { hangUp: () => {} })
  }
  await arrived('a\tb\r\n\u001b[31mred \u202e ü')
  t.deepEqual(said, ['a\tb\n\\u{1b}[31mred \\u{202e} ü\n'])
  await t.throwsAsync(arrived(Buffer.from([0xff, 0xfe])), { code: 'ERR_USAGE', message: /is no text/ })
  t.is(said.length, 1)
  const objection = (size: number | null) =>
    output.offered!(
      { first: 0, entries: [{ type: 'file', path: 'file', size }] } as unknown as Offer,
      {} as Transfer,
    )
  t.is(objection(65_536), undefined)
  for (const size of [65_537, null]) t.regex(objection(size) ?? '', /takes no more than 65536 bytes/)
})

test('what goes not together is refused before anything is connected', async (t) => {
  const refused: [string[], RegExp][] = [
    [['receive', '--stdout', '--dir', 'x'], /'--stdout' cannot be used with option '--dir <dir>'/],
    [['receive', '--stdout', '--together'], /'--stdout' cannot be used with option '--together'/],
    [['send', 'x', '--text', 'y', '--to', '127.0.0.1:1'], /either --text or paths, not both/],
    [['send', '--text', '', '--to', '127.0.0.1:1'], /--text is empty/],
    [
      ['send', '--text', 'x', '--name', 'a/../b', '--to', '127.0.0.1:1'],
      /--name must be the name of a file, without folders/,
    ],
    [['send', '--text', 'x', '--include', '*', '--to', '127.0.0.1:1'], /--include is for folders: .* --text/],
    [['send', '--to', '127.0.0.1:1'], /missing required argument 'path'; sluice send --help says more/],
  ]
  for (const [args, message] of refused) {
    const { code, out, err } = await run(t, ...args)
    t.deepEqual([code, out], [2, ''], args.join(' '))
    t.regex(err, message)
  }
})
