// Peers that find each other in one network: two machines, as far as the network knows. Only root can make them.
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { QUESTION as ASKED } from '../../../lib/peers/nearby/announcement.js'
import { loadCodec } from '../../../lib/peers/nearby/codec.js'
import { Command } from '../../helpers/command.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { type Machine, twoMachines } from '../../helpers/namespaces.js'
import { newUser } from '../../helpers/user.js'

const STRANGER = fileURLToPath(new URL('../../helpers/multicast-child.js', import.meta.url))
const QUESTION = Buffer.from((await loadCodec()).encode(ASKED)).toString('hex')

/** Where nobody listens. */
const NOWHERE = '10.77.0.2:9'

interface Scene {
  /** Of Bob's machine, and Anna's. */
  addresses?: [anna: string[], bob: string[]]
  /** What Anna knows of him. */
  known?: string[]
}

/** Bob and Anna know each other's keys; he receives on one machine, she has a file on the other one. */
async function scene(t: ExecutionContext<unknown>, { addresses, known = [NOWHERE] }: Scene = {}) {
  const machines = await twoMachines(t, addresses ?? [['10.77.0.1/24'], ['10.77.0.2/24']])
  if (typeof machines === 'string') {
    t.log(`skipped: ${machines}`)
    return undefined
  }
  const [near, far] = machines
  const [anna, bob, source, dir] = await Promise.all([newUser(t), newUser(t), temporary(t), temporary(t)])
  await plant(source, { film: 'moving pictures' })
  await anna.run('peers', 'add', 'bob', bob.key, ...known)
  await bob.run('peers', 'add', 'anna', anna.key)
  const receive = async (...flags: string[]) => {
    const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...flags], far)
    return { receiver, word: await receiver.line() }
  }
  const send = (...flags: string[]) => anna.start(['send', join(source, 'film'), ...flags], near).ended
  const isEqual = async () => t.deepEqual(await listing(dir), await listing(source))
  return { near, far, anna, bob, receive, send, isEqual }
}

test('a known peer is found by name, although its address is not the known one', async (t) => {
  const there = await scene(t)
  if (!there) return t.pass()
  const { receive, send, isEqual } = there
  const { receiver } = await receive('--allow', 'anna', '--find')
  const { code, err } = await send('--to', 'bob', '--find')
  t.is(code, 0, err)
  t.regex(err, /looking for bob in this network/)
  t.is((await receiver.ended).code, 0)
  await isEqual()
})

test('a known peer without an address is found, also where there is IPv6 alone; it is remembered there', async (t) => {
  const there = await scene(t, { addresses: [['fd00:77::1/64'], ['fd00:77::2/64']], known: [] })
  if (!there) return t.pass()
  const { anna, receive, send, isEqual } = there
  const { receiver } = await receive('--allow', 'anna', '--find')
  const { code, err } = await send('--to', 'bob', '--find', '--remember', 'bob')
  t.is(code, 0, err)
  t.is((await receiver.ended).code, 0)
  await isEqual()
  const { out } = await anna.run('peers', 'list')
  t.regex(out, /\[fe80::[^\]]*\]:\d+/)
})

test('the listener of a ticket is found when its addresses lead nowhere any more', async (t) => {
  const there = await scene(t)
  if (!there) return t.pass()
  const { far, receive, send, isEqual } = there
  const { receiver, word } = await receive('--find')
  await far.ip('addr', 'add', '10.77.0.3/24', 'dev', far.link)
  await far.ip('addr', 'del', '10.77.0.2/24', 'dev', far.link)
  const { code, err } = await send('--to', word, '--find')
  t.is(code, 0, err)
  t.is((await receiver.ended).code, 0)
  await isEqual()
})

test('both sides have to allow it', async (t) => {
  const there = await scene(t)
  if (!there) return t.pass()
  const { receive, send } = there
  const announced = await receive('--allow', 'anna', '--find')
  const without = await send('--to', 'bob')
  t.is(without.code, 6)
  t.regex(without.err, /nobody listens at 10\.77\.0\.2:9/)
  announced.receiver.child.kill('SIGTERM')
  await announced.receiver.ended
  await receive('--allow', 'anna')
  const alone = await send('--to', 'bob', '--find')
  t.is(alone.code, 6)
  t.regex(
    alone.err,
    /nobody listens at 10\.77\.0\.2:9.*; and nobody in this network answers as the peer within 5000 ms/,
  )
})

/** Somebody in Bob's network, who hears all, and says what the test has them say. */
function stranger(t: ExecutionContext<unknown>, address: string, machine: Machine): Command {
  return new Command(t, [address], { ...machine, main: STRANGER, input: 'pipe' })
}

/** What an address says next; undefined if nobody hears it any more. */
async function saidBy(address: string, who: Command): Promise<string | undefined> {
  for (;;) {
    const line: string | undefined = await who.line()
    const [from, packet] = line?.split(' ') ?? []
    if (line === undefined || from === address) return packet
  }
}

/** Says this whenever that address has said something. */
async function repeat(answer: string, address: string, who: Command): Promise<void> {
  while ((await saidBy(address, who)) !== undefined) who.child.stdin!.write(`${answer}\n`)
}

test('who repeats what a peer says is not taken for it, nor told anything', async (t) => {
  const there = await scene(t, { addresses: [['10.77.0.1/24'], ['10.77.0.2/24', '10.77.0.3/24']] })
  if (!there) return t.pass()
  const { far, receive, send, isEqual } = there
  const liar = stranger(t, '10.77.0.3', far)
  t.is(await liar.line(), 'ready')
  const mallory = await newUser(t)
  const at = (host: string) => ['--listen', `${host}:7000`]
  await mallory.start(['receive', '--yes', '--dir', await temporary(t), ...at('10.77.0.3')], far).line()
  const first = await receive('--allow', 'anna', '--find', ...at('10.77.0.2'))
  liar.child.stdin!.write(`${QUESTION}\n`)
  void repeat((await saidBy('10.77.0.2', liar))!, '10.77.0.1', liar)
  const { code, err } = await send('--to', 'bob', '--find')
  t.is(code, 0, err)
  t.is((await first.receiver.ended).code, 0)
  await isEqual()
  const alone = await send('--to', 'bob', '--find')
  t.is(alone.code, 6)
  t.regex(alone.err, /whoever answers as "bob" has not the key that "bob" had before\. Somebody may pretend/)
})

test('what is announced names neither the user nor the machine, and ends with the listener', async (t) => {
  const there = await scene(t)
  if (!there) return t.pass()
  const { near, bob, receive } = there
  const { receiver } = await receive('--allow', 'anna', '--find')
  const listener = stranger(t, '10.77.0.1', near)
  t.is(await listener.line(), 'ready')
  listener.child.stdin!.write(`${QUESTION}\n`)
  const answer = Buffer.from((await saidBy('10.77.0.2', listener))!, 'hex')
  const names = [hostname(), userInfo().username, 'bob', 'anna', bob.key, bob.print, bob.print.slice(0, 4)]
  for (const name of names) t.false(answer.toString('latin1').includes(name), name)
  t.false(answer.includes(Buffer.from(bob.me.publicKey)))
  t.false(answer.includes(Buffer.from(bob.me.publicKey).toString('hex')))
  receiver.child.kill('SIGTERM')
  const farewell = Buffer.from((await saidBy('10.77.0.2', listener))!, 'hex')
  t.is(farewell.length, answer.length)
  t.notDeepEqual(farewell, answer)
  await receiver.ended
  listener.child.stdin!.end(`${QUESTION}\n`)
  const { out } = await listener.ended
  t.is(out.match(/^10\.77\.0\.2 /gm)?.length, 2)
})

test('where there is no network it is said, and what is known is tried', async (t) => {
  const there = await scene(t)
  if (!there) return t.pass()
  const { near, far, bob, receive, send } = there
  await far.ip('link', 'set', far.link, 'down')
  await far.ip('addr', 'flush', 'dev', far.link)
  const { receiver } = await receive('--allow', 'anna', '--find')
  receiver.child.kill('SIGTERM')
  t.regex((await receiver.ended).err, /warning: this machine can neither ask a network nor answer there/)
  await near.ip('addr', 'flush', 'dev', near.link)
  const { code, err } = await send('--to', 'bob', '--find')
  t.is(code, 6)
  t.regex(err, /10\.77\.0\.2:9 cannot be reached.*this machine can neither ask a network nor answer there/)
  t.truthy(bob)
})

test('--find is for those who prove a key, and a known peer without an address says that there is such a thing', async (t) => {
  const anna = await newUser(t)
  const refused = async (message: RegExp, ...args: string[]) => {
    const { code, err } = await anna.run(...args)
    t.is(code, 2, err)
    t.regex(err, message)
  }
  const dir = await temporary(t)
  const of = /--find is for tickets and known peers/
  await refused(of, 'send', dir, '--to', '127.0.0.1:1', '--find')
  await refused(of, 'send', dir, '--via', 'true', '--find')
  await refused(of, 'send', dir, '--plain', '--find')
  await refused(of, 'receive', '--stdio', '--find')
  await refused(of, 'receive', '127.0.0.1:1', '--find')
  const { key } = await newUser(t)
  await anna.run('peers', 'add', 'bob', key)
  await refused(/no address of bob is known; --find looks for it in this network/, 'send', dir, '--to', 'bob')
})

test('a listener that nobody else reaches is told that --find is in vain, and where to listen', async (t) => {
  const anna = await newUser(t)
  const receiver = anna.start([
    'receive',
    '--yes',
    '--find',
    '--dir',
    await temporary(t),
    '--listen',
    '127.0.0.1:0',
  ])
  await receiver.line()
  receiver.child.kill('SIGTERM')
  const { err } = await receiver.ended
  t.regex(
    err,
    /^warning: --find is in vain: nobody but this machine reaches 127\.0\.0\.1:0; .*--listen \*:0$/m,
  )
  t.notRegex(err, /multicast|join one/)
})
