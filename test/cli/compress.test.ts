import { readFile, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Command, run } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

const LISTEN = ['--plain', '--listen', '127.0.0.1:0']
const TEXT = 'the same line again and again\n'.repeat(100_000)

/** A listener of the test's own before another one; it counts the bytes that go to that. */
async function counting(t: ExecutionContext<unknown>, address: string) {
  const [host, port] = address.split(':')
  const counted = { bytes: 0, address: '' }
  const server = createServer((socket) => {
    const onwards = connect(Number(port), host)
    socket.on('data', (bytes) => {
      counted.bytes += bytes.length
    })
    for (const one of [socket, onwards]) one.on('error', () => {})
    socket.pipe(onwards).pipe(socket)
  })
  t.teardown(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  counted.address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return counted
}

test('with --compress on both sides little travels, and the levels need not be equal', async (t) => {
  const root = await plant(await temporary(t), { text: TEXT })
  const dir = join(root, 'in')
  for (const [given, there, most] of [
    [['--compress'], ['--compress', '9'], 20_000],
    [['--compress', '0'], ['--compress=auto'], 50_000],
    [['--compress', 'off'], [], 4_000_000],
  ] as const) {
    const receiver = new Command(t, ['receive', '--plain', '--once', '--yes', '--dir', dir, ...given])
    const counted = await counting(t, await receiver.line())
    const sent = await run(t, 'send', join(root, 'text'), '--to', counted.address, ...there)
    t.is(sent.code, 0, sent.err)
    const { code, err } = await receiver.ended
    t.is(code, 0, err)
    t.true(counted.bytes < most && counted.bytes > most / 100, `${counted.bytes}`)
    t.is(await readFile(join(dir, 'text'), 'utf8'), TEXT)
    await rm(dir, { recursive: true })
  }
})

test('where one side alone has --compress, both say what to do', async (t) => {
  const root = await plant(await temporary(t), { text: TEXT })
  for (const [here, there] of [
    [['--compress'], []],
    [[], ['--compress']],
  ]) {
    const sender = new Command(t, ['send', join(root, 'text'), ...LISTEN, ...here!])
    const received = await run(
      t,
      'receive',
      await sender.line(),
      '--yes',
      '--dir',
      join(root, 'in'),
      ...there!,
    )
    t.is(received.code, 7)
    t.regex(
      received.err,
      /this side has \[(brotli)?\], the peer has \[(brotli)?\]; give --compress on both sides/,
    )
    sender.child.kill('SIGTERM')
    t.regex(
      (await sender.ended).err,
      /came to nothing: .*; give --compress on both sides, or on neither; still/,
    )
  }
})

test('a level that is none is refused, and so is a path that was taken for one', async (t) => {
  for (const args of [
    ['send', 'x', '--compress=12'],
    ['receive', '--compress', 'gzip'],
    ['send', '--compress', 'x', 'y'],
  ]) {
    const { code, err } = await run(t, ...args, '--plain')
    t.is(code, 2)
    t.regex(
      err,
      /--compress must be auto, off, or a level from 0 to 11, not .*; write --compress=auto where a path/,
    )
  }
})
