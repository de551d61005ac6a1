// How the command ends where the other side is gone, is another one than was meant, or takes no notice; and when a
// sender has given to all that its ticket is for.
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { decodeTicket, encodeTicket, makeTicket } from '../../../lib/peers/ticket.js'
import { plant, temporary } from '../../helpers/folders.js'
import { serverOf } from '../../helpers/relay.js'
import { BOB, listen } from '../../helpers/secure.js'
import { HERE, newUser } from '../../helpers/user.js'

async function scene(t: ExecutionContext<unknown>) {
  const [anna, bob, source, dir] = await Promise.all([newUser(t), newUser(t), temporary(t), temporary(t)])
  await plant(source, { note: 'a note' })
  return { anna, bob, note: join(source, 'note'), dir }
}

const ticketFor = (port: number, publicKey = BOB.publicKey) =>
  encodeTicket(makeTicket({ addresses: [`127.0.0.1:${port}`], publicKey }))

test('a listener that lets in and is gone at once, or says what nobody can read: one line, and no crash', async (t) => {
  const { anna, note, dir } = await scene(t)
  for (const way of ['reset', 'garbage'] as const) {
    const port = await serverOf(t, async (socket) => {
      socket.on('error', () => {})
      const channel = await listen(socket)
      channel.on('error', () => {})
      setImmediate(() => (way === 'reset' ? socket.resetAndDestroy() : socket.write(Buffer.alloc(200, 255))))
    })
    for (const args of [
      ['send', note, '--to', ticketFor(port), '--remember', 'bob'],
      ['receive', ticketFor(port), '--dir', dir, '--yes', '--remember', 'bob'],
    ]) {
      const { code, err } = await anna.run(...args)
      t.true([4, 6, 7].includes(code!), `${code} ${err}`)
      t.regex(err, /^sluice: [^\n]+\n$/)
    }
  }
})

test('Ctrl-C ends within a second who has connected by a ticket, or through a program, that takes no notice', async (t) => {
  const { anna, note } = await scene(t)
  const port = await serverOf(t, async (socket) => {
    socket.on('error', () => {})
    const channel = await listen(socket)
    channel.on('error', () => {}).pause()
  })
  const program = `'${process.execPath}' -e 'setInterval(() => {}, 1000)'`
  for (const way of [
    ['--to', ticketFor(port)],
    ['--via', program],
  ]) {
    const sender = anna.start(['send', note, '--json', '--verbose', ...way])
    while (JSON.parse(await sender.line()).state !== 'connecting');
    const began = performance.now()
    sender.child.kill('SIGINT')
    t.is((await sender.ended).code, 130)
    t.true(performance.now() - began < 2500, `${way[0]}: ${performance.now() - began} ms`)
  }
})

test('with --once and a ticket for one, somebody else than --remember means ends the command', async (t) => {
  const { anna, bob, note, dir } = await scene(t)
  const carol = await newUser(t)
  await bob.run('peers', 'add', 'anna', carol.key)
  const receiver = bob.start(['receive', '--once', '--remember', 'anna', '--yes', '--dir', dir, ...HERE])
  const sending = anna.run('send', note, '--to', await receiver.line())
  const { code, err } = await receiver.ended
  t.is(code, 6, err)
  t.regex(err, /^sluice: "anna" has another key than before/m)
  t.not((await sending).code, 0)
  // known by another name
  const again = bob.start(['receive', '--once', '--remember', 'carla', '--yes', '--dir', dir, ...HERE])
  void carol.run('send', note, '--to', await again.line())
  const ended = await again.ended
  t.is(ended.code, 2)
  t.regex(ended.err, /^sluice: the other side is known already, as anna; /m)
})

test('where no ticket can be made, nothing stays open, and the command ends', async (t) => {
  const { bob, dir } = await scene(t)
  const long = `ws://127.0.0.1:0/${'x'.repeat(300)}`
  const { code, err } = await bob.run('receive', '--yes', '--dir', dir, '--listen', long)
  t.is(code, 2)
  t.regex(err, /at most 255 bytes/)
})

test('a sender for two ends when two have it, whoever of them comes twice, and names them', async (t) => {
  const { anna, bob, note, dir } = await scene(t)
  const carol = await newUser(t)
  const sender = anna.start(['send', note, '--many', '2', ...HERE])
  const ticket = await sender.line()
  for (const user of [bob, bob, carol])
    t.is((await user.run('receive', ticket, '--yes', '--dir', dir)).code, 0)
  const { code, err } = await sender.ended
  t.is(code, 0, err)
  for (const { print } of [bob, carol]) t.true(err.includes(`to ${print}\n`), err)
  const stopped = anna.start(['send', note, '--many', '2', ...HERE])
  t.is((await bob.run('receive', await stopped.line(), '--yes', '--dir', dir)).code, 0)
  stopped.child.kill('SIGINT')
  const ended = await stopped.ended
  t.is(ended.code, 130)
  t.regex(ended.err, /^sluice: stopped by the user$/m)
})

test('a ticket that somebody else has used is told of while a transfer runs, whichever side waits', async (t) => {
  const { anna, bob, dir } = await scene(t)
  const carol = await newUser(t)
  const receive = ['receive', '--yes', '--dir', dir]
  for (const { waiting, calling } of [
    { waiting: [...receive, '--once'], calling: ['send', '-', '--name', 'one', '--to'] },
    { waiting: ['send', '-', '--name', 'two'], calling: receive },
  ]) {
    const listener = bob.start([...waiting, '--json', ...HERE], { input: 'pipe' })
    const ticket = JSON.parse(await listener.line()).address
    const thief = anna.start([...calling, ticket], { input: 'pipe' })
    for (const { child } of [listener, thief]) child.stdin!.write('a beginning')
    while (!['sending', 'receiving'].includes(JSON.parse(await listener.line()).state));
    const honest = await carol.run(...calling, ticket)
    t.is(honest.code, 6, honest.err)
    for (;;) {
      const { event, code, message } = JSON.parse(await listener.line())
      if (event !== 'warning') continue
      t.is(code, 'ERR_IDENTITY')
      t.regex(message, /its ticket was used already; the transfer goes on$/)
      break
    }
    for (const { child } of [listener, thief]) child.stdin!.end(', and an end')
    t.is((await thief.ended).code, 0)
    t.is((await listener.ended).code, 0)
  }
})

test('where nobody comes before the ticket expires, the command ends', async (t) => {
  const { bob, dir } = await scene(t)
  const { code, err } = await bob.run('receive', '--expires', '1s', '--yes', '--dir', dir, ...HERE)
  t.is(code, 6)
  t.is(
    err,
    'sluice: nobody came: the ticket has expired; start this command again for a new one, or with a longer --expires\n',
  )
})

test('sending by a name to who does not know us, and to somebody else at its address: each is told as what it is', async (t) => {
  const { anna, bob, note, dir } = await scene(t)
  const listener = bob.start(['receive', '--yes', '--dir', dir, ...HERE])
  const { addresses } = decodeTicket(await listener.line())
  await anna.run('peers', 'add', 'bob', bob.key, addresses[0]!)
  const unknown = await anna.run('send', note, '--to', 'bob')
  t.is(unknown.code, 6)
  t.regex(unknown.err, /^sluice: "bob" does not let us in: it does not know our key .* ask for a ticket\n$/)
  const carol = await newUser(t)
  await anna.run('peers', 'add', 'carol', carol.key, addresses[0]!)
  const other = await anna.run('send', note, '--to', 'carol')
  t.is(other.code, 6)
  t.regex(
    other.err,
    /^sluice: whoever answers as "carol" has not the key that "carol" had before\. Somebody may/,
  )
  listener.child.kill('SIGINT')
  const { err } = await listener.ended
  t.regex(err, /a dialler was not let in: its key, [a-z\d-]+, is not known here, and it has no ticket; still/)
})
