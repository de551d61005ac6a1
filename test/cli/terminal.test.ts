import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { main } from '../../lib/cli/program.js'
import { stoppedByUser } from '../../lib/cli/ui/exit.js'
import type { Io } from '../../lib/cli/ui/io.js'
import { send } from '../../lib/send.js'
import { throttle } from '../../lib/stages/throttle.js'
import { listing, plant, temporary } from '../helpers/folders.js'

/** A stream that the program takes for a terminal, and what came through it. */
class Terminal extends PassThrough {
  readonly isTTY = true
  readonly columns = 200
  text = ''

  constructor() {
    super()
    this.on('data', (bytes) => {
      this.text += bytes
    })
  }

  /** As the standard streams of a process, it is not ended by what is piped into it. */
  override end(): this {
    return this
  }

  /** Resolves when `pattern` is in what came. */
  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) await once(this, 'data')
  }
}

/** `sluice receive` at a terminal, and senders of one file each. */
async function receiver(t: ExecutionContext<unknown>, ...flags: string[]) {
  const dir = join(await temporary(t), 'in')
  const source = await plant(await temporary(t), { one: 'first', two: 'second' })
  const io = { stdin: new PassThrough(), stdout: new Terminal(), stderr: new Terminal() }
  const stdin = Object.assign(io.stdin, { isTTY: true, fd: 0 })
  const stop = new AbortController()
  const args = ['receive', '--plain', '--dir', dir, '--plain', '--listen', '127.0.0.1:0', ...flags]
  const exit = main(args, { ...io, stdin } as unknown as Io, stop)
  await io.stdout.shows(/\n/)
  const port = Number(io.stdout.text.trim().split(':')[1])
  const offer = (name: string) => {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    return send(socket, [join(source, name)])
  }
  return {
    dir,
    source,
    port,
    exit,
    offer,
    stop,
    type: (keys: string) => stdin.write(keys),
    hangUp: () => stdin.destroy(new Error('EIO: the terminal is gone')),
    screen: io.stderr,
  }
}

test('what was typed before an offer came is no answer to it', async (t) => {
  const { offer, exit, type, screen } = await receiver(t, '--once')
  type('y\n')
  const sent = offer('one')
  await screen.shows(/Accept\?/)
  type('n\n')
  await t.throwsAsync(sent.finished, { code: 'ERR_REJECTED' })
  t.is(await exit, 3)
})

test('a yes at the terminal accepts an offer', async (t) => {
  const { dir, exit, offer, type, screen } = await receiver(t, '--once')
  const sending = offer('one')
  await screen.shows(/offered: "one", 1 file, 5 B.*Accept\?/s)
  type('y\n')
  t.is((await sending.finished).published, 1)
  t.is(await exit, 0)
  t.deepEqual(Object.keys(await listing(dir)), ['one'])
})

test('a sender at a terminal says that it waits for the answer, until there is one', async (t) => {
  const { source, port, exit, type, screen } = await receiver(t, '--once')
  const io = { stdin: new PassThrough(), stdout: new Terminal(), stderr: new Terminal() }
  const sent = main(['send', source, '--to', `127.0.0.1:${port}`], io as unknown as Io, new AbortController())
  await io.stderr.shows(/offered; waiting for the answer/)
  await screen.shows(/Accept\?/)
  type('y\n')
  t.is(await sent, 0)
  t.is(await exit, 0)
  t.regex(io.stderr.text, /2 files, 1 folder sent/)
})

test('a sender that is rejected has shown no progress: there was none', async (t) => {
  const { source, port, exit, type, screen } = await receiver(t, '--once')
  const io = { stdin: new PassThrough(), stdout: new Terminal(), stderr: new Terminal() }
  const sent = main(['send', source, '--to', `127.0.0.1:${port}`], io as unknown as Io, new AbortController())
  await screen.shows(/Accept\?/)
  type('n\n')
  t.is(await sent, 3)
  t.is(await exit, 3)
  t.regex(io.stderr.text, /the receiver rejected the offer/)
  t.notRegex(io.stderr.text, /0 B/)
})

test('a receiver that connects says that it waits, where files go, and how to stop; on standard error', async (t) => {
  const dir = join(await temporary(t), 'in')
  const source = await plant(await temporary(t), { one: 'first' })
  const from = { stdin: new PassThrough(), stdout: new Terminal(), stderr: new Terminal() }
  const args = ['send', join(source, 'one'), '--plain', '--listen', '127.0.0.1:0']
  const sent = main(args, from as unknown as Io, new AbortController())
  await from.stderr.shows(/run there:\nsluice receive 127.0.0.1:\d+\nCtrl-C stops/)
  const [address] = /127\.0\.0\.1:\d+/.exec(from.stderr.text)!
  const io = { stdin: new PassThrough(), stdout: new Terminal(), stderr: new Terminal() }
  const stdin = Object.assign(io.stdin, { isTTY: true, fd: 0 })
  const received = main(
    ['receive', address, '--dir', dir],
    { ...io, stdin } as unknown as Io,
    new AbortController(),
  )
  await io.stderr.shows(/Accept\?/)
  stdin.write('y\n')
  t.is(await received, 0)
  t.is(await sent, 0)
  const lines = io.stderr.text.split('\n')
  t.is(lines[0], `connected to ${address}; waiting for what it sends`)
  t.is(lines[1], `files go to ${dir}`)
  t.is(lines[2], 'Ctrl-C stops')
  t.is(io.stdout.text, '')
})

test('offers are asked about one after the other, each with what it is', async (t) => {
  const { exit, offer, stop, type, screen } = await receiver(t)
  const first = offer('one')
  await screen.shows(/offered: "one".*Accept\?/s)
  const second = offer('two')
  while (second.state !== 'offered') await once(second, 'state')
  t.notRegex(screen.text, /offered: "two"/)
  type('n\n')
  await t.throwsAsync(first.finished, { code: 'ERR_REJECTED', message: /said no/ })
  await screen.shows(/rejected: "one"; nothing was written\n.*offered: "two".*Accept\?/s)
  type('y\n')
  await second.finished
  await screen.shows(/two: 1 file in .*in\/ \(6 B.*\nwaiting for the next\n/)
  stop.abort(stoppedByUser())
  t.is(await exit, 130)
  t.is(screen.text.match(/rejected/g)!.length, 1)
  t.notRegex(screen.text, /warning/)
})

test('a person is told what to run on the other side, where files go, and how to stop', async (t) => {
  const { dir, exit, port, stop, screen } = await receiver(t)
  await screen.shows(/Ctrl-C stops/)
  const [first, second, third] = screen.text.split('\n')
  t.is(first, 'waiting for senders; run there:')
  t.is(second, `sluice send PATH... --to 127.0.0.1:${port}`)
  t.is(third, `files go to ${dir}`)
  stop.abort(stoppedByUser())
  t.is(await exit, 130)
})

test('an interruption says who went away, what was kept, and what to run', async (t) => {
  const { dir, exit, source, port, screen } = await receiver(t, '--once', '--yes')
  const [near, far] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  far.destroy()
  await plant(source, { many: Buffer.alloc(2_000_000) })
  const stages = { wire: [throttle({ rate: 200_000 })] }
  const sending = send(near, [join(source, 'one'), join(source, 'many')], { stages })
  while (!(await listing(dir).catch(() => ({}) as Record<string, string>)).one)
    await once(sending, 'progress')
  near.destroy()
  t.is(await exit, 4)
  await t.throwsAsync(sending.finished)
  t.regex(
    screen.text,
    /the sender went away before the end; 1 file in .*\/in\/(; [\d.]+ k?B of many kept)?\. Run the same commands again for the rest\n/,
  )
})

test('a question ends with the sender that is gone; what it offered is not asked about any more', async (t) => {
  const { exit, offer, stop, screen } = await receiver(t)
  const first = offer('one')
  await screen.shows(/Accept\?/s)
  const second = offer('two')
  while (second.state !== 'offered') await once(second, 'state')
  await second.cancel()
  await first.cancel('changed my mind')
  await screen.shows(/changed my mind/)
  t.notRegex(screen.text, /offered: "two"/)
  stop.abort(stoppedByUser())
  t.is(await exit, 130)
})

test('with --once the program ends with the sender that is gone, without an answer', async (t) => {
  const { exit, offer, screen } = await receiver(t, '--once')
  const sending = offer('one')
  await screen.shows(/Accept\?/s)
  await sending.cancel()
  t.is(await exit, 4)
})

test('Ctrl-D at the question is a no, and the next offer is asked about', async (t) => {
  const { exit, offer, stop, type, screen } = await receiver(t)
  const first = offer('one')
  await screen.shows(/Accept\?/s)
  type('\u0004')
  await t.throwsAsync(first.finished, { code: 'ERR_REJECTED', message: /said no/ })
  const second = offer('two')
  await screen.shows(/offered: "two".*Accept\?/s)
  type('y\n')
  await second.finished
  stop.abort(stoppedByUser())
  t.is(await exit, 130)
})

test('a terminal that closes is a no, to every offer that follows, too', async (t) => {
  const { exit, offer, stop, hangUp, screen } = await receiver(t)
  const first = offer('one')
  await screen.shows(/Accept\?/s)
  hangUp()
  await t.throwsAsync(first.finished, { code: 'ERR_REJECTED' })
  await t.throwsAsync(offer('two').finished, { code: 'ERR_REJECTED' })
  stop.abort(stoppedByUser())
  t.is(await exit, 130)
})

test('an answer that is none is asked for again, until it is yes or no', async (t) => {
  const { exit, offer, type, screen } = await receiver(t, '--once')
  const sending = offer('one')
  await screen.shows(/Accept\?/s)
  type('yesterday\n')
  await screen.shows(/Accept\?.*\nplease answer y, n or list\n.*Accept\?/s)
  type('YES\n')
  t.is((await sending.finished).published, 1)
  t.is(await exit, 0)
})

test('the whole offer is listed in screenfuls, and what is typed ahead is taken one after the other', async (t) => {
  const { exit, offer, type, screen } = await receiver(t, '--once')
  const sending = offer('one')
  await screen.shows(/Accept\?/s)
  type('list\nL\ny\n')
  t.is((await sending.finished).published, 1)
  t.is(await exit, 0)
  t.is(screen.text.match(/ {2}"one" {2}5 B\n {2}that is all/g)?.length, 1)
  t.is(screen.text.match(/that is all/g)?.length, 2)
})

test('Ctrl-C at the question stops the program and cancels the transfer', async (t) => {
  const { dir, exit, offer, type, screen } = await receiver(t)
  const sending = offer('one')
  await screen.shows(/Accept\?/s)
  type('\u0003')
  await t.throwsAsync(sending.finished, { code: 'ERR_CANCELLED', message: /stopped by the user/ })
  t.is(await exit, 130)
  t.regex(screen.text, /y \/ n[^\n]*\n[^\n]*sluice: stopped by the user\n$/)
  await t.throwsAsync(listing(dir), { code: 'ENOENT' })
})

test('with --once one transfer is taken, and connections that were there before do not hold the program', async (t) => {
  const { exit, offer, port, type, screen } = await receiver(t, '--once')
  const silent = connect(port, '127.0.0.1')
  t.teardown(() => silent.destroy())
  await once(silent, 'connect')
  const sending = offer('one')
  await screen.shows(/Accept\?/)
  await once(silent.resume(), 'close')
  type('y\n')
  await sending.finished
  t.is(await exit, 0)
  t.notRegex(screen.text, /warning/)
})
