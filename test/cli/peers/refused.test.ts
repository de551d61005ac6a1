// Whoever is not the one that is meant: refused with exit status 6 and one line, while nothing is written, and the
// listener goes on listening.
import { readdir } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { send } from '../../../lib/index.js'
import { connect } from '../../../lib/peers/connect.js'
import { decodeTicket, encodeTicket, makeTicket, type Ticket } from '../../../lib/peers/ticket.js'
import { randomContent } from '../../../lib/testing/index.js'
import type { Ended } from '../../helpers/command.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { flipAt, relay, serverOf } from '../../helpers/relay.js'
import { SAID, someone } from '../../helpers/secure.js'
import { HERE, newUser } from '../../helpers/user.js'

/** Bob listens for one other; Anna has something to send. */
async function scene(t: ExecutionContext<unknown>, ...flags: string[]) {
  const [anna, bob, source, dir] = await Promise.all([newUser(t), newUser(t), temporary(t), temporary(t)])
  await plant(source, { 'photos/a.jpg': randomContent(300_000), 'photos/b': 'b' })
  const photos = join(source, 'photos')
  const receiver = bob.start(['receive', '--yes', '--dir', dir, ...HERE, ...flags])
  const first = await receiver.line()
  const word: string = flags.includes('--json') ? JSON.parse(first).address : first
  const ticket = decodeTicket(word)
  /** The honest one is served, whatever has come before. */
  const isServed = async () => {
    t.deepEqual(await readdir(dir), [])
    const sent = await anna.run('send', photos, '--to', word)
    t.is(sent.code, 0, sent.err)
    t.deepEqual(await listing(dir), await listing(source))
  }
  /** With `--json`: resolves when Bob is warned of such a thing. */
  const warns = async (pattern: RegExp) => {
    for (;;) {
      const { event, message } = JSON.parse(await receiver.line())
      if (event === 'warning' && pattern.test(message)) return
    }
  }
  /** All that Bob has read. */
  const told = async () => {
    receiver.child.kill('SIGINT')
    return (await receiver.ended).err
  }
  return { anna, bob, photos, source, dir, ticket, word, port: portOf(ticket), isServed, warns, told }
}

const portOf = ({ addresses }: Ticket) => Number(addresses[0]!.split(':').at(-1))

/** The same ticket, but for that. */
const changed = (ticket: Ticket, change: Partial<Ticket>) =>
  encodeTicket(makeTicket({ ...ticket, ...change }))

const at = (port: number) => [`127.0.0.1:${port}`]

function isRefused(t: ExecutionContext<unknown>, { code, out, err }: Ended, why: RegExp): void {
  t.is(code, 6, err)
  t.is(out, '')
  t.regex(err, /^sluice: [^\n]+\n$/, 'one line')
  t.regex(err, why)
}

/** Resolves when the other side has left a connection. */
const left = (socket: Socket) =>
  new Promise((resolve) =>
    socket
      .on('error', () => {})
      .once('close', resolve)
      .once('end', () => socket.destroy())
      .resume(),
  )

test('another key, and another secret, than those of the ticket', async (t) => {
  const { anna, photos, ticket, isServed, told } = await scene(t)
  const otherKey = changed(ticket, { publicKey: someone().publicKey })
  isRefused(t, await anna.run('send', photos, '--to', otherKey), /the other side|another key/)
  const otherSecret = changed(ticket, { secret: Buffer.alloc(16, 1) })
  isRefused(t, await anna.run('send', photos, '--to', otherSecret), /the listener does not let us in/)
  await isServed()
  const err = await told()
  t.regex(
    err,
    /^warning: a connection came to nothing: the dialler expects somebody with another key.*; still listening$/m,
  )
  t.regex(
    err,
    /^warning: a connection came to nothing: a dialler was not let in: the secret of its ticket is wrong; still/m,
  )
})

test('a ticket that was used, for another one; a recorded connection that is played again', async (t) => {
  const { anna, photos, dir, ticket, word, port, source, told } = await scene(t)
  const { port: way, recorded } = await relay(t, port)
  const through = changed(ticket, { addresses: at(way) })
  const sent = await anna.run('send', photos, '--to', through)
  t.is(sent.code, 0, sent.err)
  const before = await listing(dir)
  t.deepEqual(before, await listing(source))
  const carol = await newUser(t)
  isRefused(t, await carol.run('send', photos, '--name', 'x', '--to', word), /the ticket was used/)
  const { forth } = recorded[0]!
  const atOnce = connectTcp(port, '127.0.0.1')
  atOnce.write(Buffer.concat(forth))
  await left(atOnce)
  // as the honest one said it: each time after the listener has answered
  const inTurns = connectTcp(port, '127.0.0.1').on('error', () => {})
  const rest = [...forth]
  inTurns.on('data', () => inTurns.write(rest.shift() ?? ''))
  await left(inTurns)
  t.deepEqual(await listing(dir), before)
  t.is((await anna.run('send', photos, '--name', 'again', '--to', word)).code, 0)
  const err = await told()
  t.regex(err, /not let in: its ticket was used already/)
  t.regex(err, /it may be a recording|has not proved its key/)
})

test('a stranger that is no secure peer is refused by whoever listens', async (t) => {
  const { photos, port, isServed, warns } = await scene(t, '--json')
  const silent = connectTcp(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => silent.destroy())
  const strangers: [string | Buffer, RegExp][] = [
    [
      'GET / HTTP/1.1\r\n\r\n',
      /^a connection came to nothing.* it began with "GET \/ HTTP\/1\.1.*; still listening$/,
    ],
    [randomContent(100_000), /it does not speak the secure channel of Sluice/],
    ['SLUICE-N', /the peer closed the connection during the handshake/],
    ['', /the peer closed the connection before it said anything/],
  ]
  for (const [words, why] of strangers) {
    const warned = warns(why)
    const stranger = connectTcp(port, '127.0.0.1')
    stranger.end(words)
    await left(stranger)
    await warned
  }
  const warned = warns(/it speaks Sluice without a secure channel; still listening$/)
  const plain = connectTcp(port, '127.0.0.1')
  await t.throwsAsync(send(plain, [photos]).finished)
  await warned
  await isServed()
})

test('who listens there is no secure peer, or another one: whoever connects says so, and writes nothing', async (t) => {
  const { anna, bob, photos, ticket } = await scene(t)
  const empty = await temporary(t)
  const plain = await bob.start(['receive', '--plain', '--yes', '--dir', empty]).line()
  const another = await (await newUser(t)).start(['receive', '--yes', '--dir', empty, ...HERE]).line()
  const http = (socket: Socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  const silent = (socket: Socket) => void socket.resume()
  const cases: [string[], RegExp][] = [
    [at(await serverOf(t, http)), /it began with "HTTP\/1\.1 400/],
    [
      at(await serverOf(t, (socket) => void socket.end(randomContent(1000)))),
      /does not speak the secure channel/,
    ],
    [at(await serverOf(t, (socket) => void socket.destroy())), /closed the connection|broke|reset/],
    [at(await serverOf(t, silent)), /the handshake was not done within 10000 ms/],
    [[plain], /it speaks Sluice without a secure channel/],
    [[...decodeTicket(another).addresses], /another key/],
  ]
  const tried = cases.map(async ([addresses, why]) => {
    const word = changed(ticket, { addresses })
    isRefused(t, await anna.run('send', photos, '--to', word), why)
    isRefused(t, await anna.run('receive', word, '--yes', '--dir', empty), why)
  })
  await Promise.all(tried)
  t.deepEqual(await readdir(empty), [])
})

test('one bit that is changed anywhere in the handshake', async (t) => {
  const { anna, photos, ticket, port, isServed, told } = await scene(t)
  const options = { identity: anna.me }
  const ways = (['dialler', 'listener'] as const).flatMap((side) =>
    Array.from({ length: SAID[side] }, (_, index) => ({
      [side === 'dialler' ? 'forth' : 'back']: flipAt(index),
    })),
  )
  for (let from = 0; from < ways.length; from += 15) {
    const some = ways.slice(from, from + 15).map(async (change) => {
      const { port: way } = await relay(t, port, change)
      const { code } = (await t.throwsAsync(connect({ ...ticket, addresses: at(way) }, options))) as Error & {
        code: string
      }
      t.true(code === 'ERR_IDENTITY' || code === 'ERR_UNREACHABLE', code)
    })
    await Promise.all(some)
  }
  for (const change of [{ forth: flipAt(20) }, { forth: flipAt(100) }, { back: flipAt(20) }]) {
    const { port: way } = await relay(t, port, change)
    isRefused(
      t,
      await anna.run('send', photos, '--to', changed(ticket, { addresses: at(way) })),
      /key|channel|did not let us in/,
    )
  }
  await isServed()
  const lines = (await told()).split('\n').filter((line) => line.startsWith('warning: '))
  t.true(lines.length < 60, 'one a second')
  for (const line of lines) t.regex(line, /a connection came to nothing.*; still listening$/)
})
