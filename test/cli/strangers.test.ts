import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { main } from '../../lib/cli/program.js'
import { stoppedByUser } from '../../lib/cli/ui/exit.js'
import type { Io } from '../../lib/cli/ui/io.js'
import { Command, run } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

/** `send -` that listens, and its port. */
async function sending(t: ExecutionContext<unknown>, ...flags: string[]) {
  const args = ['send', '-', '--name', 'n', '--plain', '--listen', '127.0.0.1:0', ...flags]
  const sender = new Command(t, args, { input: 'pipe' })
  // it may end before all is written
  sender.child.stdin!.on('error', () => {})
  const address = await sender.line()
  return { sender, address, port: Number(address.split(':')[1]) }
}

/** Connects and says `words`, and is gone when the other side is. */
async function stranger(port: number, words: string): Promise<void> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.resume().end(words)
  await new Promise((resolve) => socket.on('close', resolve))
}

test('standard input outlasts the strangers that connect first: the receiver gets all of it', async (t) => {
  const dir = await temporary(t)
  const { sender, address, port } = await sending(t)
  sender.child.stdin!.write('before, ')
  await stranger(port, '')
  await stranger(port, 'GET / HTTP/1.1\r\n\r\n')
  // that stays until the receiver is there
  const silent = connect(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => silent.destroy())
  await once(silent, 'connect')
  sender.child.stdin!.end('and after')
  const received = await run(t, 'receive', address, '--dir', dir, '--yes')
  t.is(received.code, 0, received.err)
  const { code, err } = await sender.ended
  t.is(code, 0, err)
  t.is(await readFile(join(dir, 'n'), 'utf8'), 'before, and after')
})

test('of two receivers one gets all of standard input, and the other nothing', async (t) => {
  const { sender, address } = await sending(t)
  const dirs = await Promise.all([temporary(t), temporary(t)])
  const receivers = dirs.map((dir) => run(t, 'receive', address, '--dir', dir, '--yes'))
  sender.child.stdin!.end('for one')
  const codes = (await Promise.all(receivers)).map(({ code }) => code)
  const { code, err } = await sender.ended
  t.is(code, 0, err)
  const taken = codes.indexOf(0)
  t.true(codes[1 - taken]! > 0, codes.join())
  t.is(await readFile(join(dirs[taken]!, 'n'), 'utf8'), 'for one')
  await t.throwsAsync(readFile(join(dirs[1 - taken]!, 'n')), { code: 'ENOENT' })
})

test('a sender that is refused, or stopped, leaves standard input at once, though it has no end', async (t) => {
  const refused = await sending(t)
  t.is((await run(t, 'receive', refused.address, '--dir', await temporary(t))).code, 3)
  t.is((await refused.sender.ended).code, 3)
  const waiting = await sending(t)
  await stranger(waiting.port, '')
  waiting.sender.child.kill('SIGINT')
  t.is((await waiting.sender.ended).code, 130)
  const running = await sending(t)
  const dir = await temporary(t)
  const receiver = new Command(t, ['receive', running.address, '--dir', dir, '--yes', '--json'])
  running.sender.child.stdin!.write('a beginning')
  while (JSON.parse(await receiver.line()).state !== 'receiving');
  running.sender.child.kill('SIGINT')
  t.is((await running.sender.ended).code, 130)
  t.is((await receiver.ended).code, 4)
})

/** Runs the program here, and stops it in the moment in which its transfer is completed. */
function stoppedAtTheEnd(args: string[]) {
  const stop = new AbortController()
  let address = (_: string) => {}
  const listening = new Promise<string>((resolve) => {
    address = resolve
  })
  const stdout = new Writable({
    write(line, _encoding, done) {
      const event = JSON.parse(line.toString() || '{}')
      if (event.event === 'listening') address(event.address)
      if (event.state === 'completed') stop.abort(stoppedByUser())
      done()
    },
  })
  const io = { stdin: new PassThrough(), stdout, stderr: new PassThrough().resume() } as unknown as Io
  return { exit: main([...args, '--json'], io, stop), listening, stop }
}

test('a transfer that was completed is not undone by a Ctrl-C that comes at its end', async (t) => {
  const path = join(await plant(await temporary(t), { file: 'content' }), 'file')
  const sender = stoppedAtTheEnd(['send', path, '--plain', '--listen', '127.0.0.1:0'])
  const args = ['receive', await sender.listening, '--dir', await temporary(t), '--yes']
  t.is((await run(t, ...args)).code, 0)
  t.true(await sender.exit.then((exit) => exit === 0 && sender.stop.signal.aborted))
  const receiver = stoppedAtTheEnd(['receive', '--plain', '--once', '--dir', await temporary(t), '--yes'])
  t.is((await run(t, 'send', path, '--to', await receiver.listening)).code, 0)
  t.true(await receiver.exit.then((exit) => exit === 0 && receiver.stop.signal.aborted))
})
