// Two machines, as far as the network knows: namespaces with a cable between them, which is pulled, and addresses that
// change. Only root can make them.
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { decodeTicket } from '../../../lib/peers/ticket.js'
import { randomContent } from '../../../lib/testing/index.js'
import type { Command } from '../../helpers/command.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { type Machine, twoMachines } from '../../helpers/namespaces.js'
import { LONG } from '../../helpers/scale.js'
import { newUser } from '../../helpers/user.js'

const ANNAS = ['10.77.0.1/24', 'fd00:77::1/64']
const BOBS = ['10.77.0.2/24', '10.77.0.3/24', 'fd00:77::2/64']

/** Bob receives on one machine, at all of its addresses; Anna has a file on the other one. */
async function scene(t: ExecutionContext<unknown>, size: number) {
  const machines = await twoMachines(t, [ANNAS, BOBS])
  if (typeof machines === 'string') {
    t.log(`skipped: ${machines}`)
    return undefined
  }
  const [near, far] = machines
  const [anna, bob, source, dir] = await Promise.all([newUser(t), newUser(t), temporary(t), temporary(t)])
  await plant(source, { film: randomContent(size) })
  const receiver = bob.start(['receive', '--once', '--yes', '--json', '--dir', dir], far)
  const ticket: string = JSON.parse(await receiver.line()).address
  const send = (...flags: string[]) =>
    anna.start(['send', join(source, 'film'), '--to', ticket, ...flags], near)
  /** Sends slowly; resolves when a part of it has come. */
  const sendPart = async () => {
    const sender = send('--limit', '4M', '--retry', '10')
    const over = sender.ended.then(({ err }) => Promise.reject(new Error(err)))
    await Promise.race([hasCome(receiver, size / 4), over])
    return sender
  }
  const isEqual = async (sender: Command) => {
    const { code, err } = await sender.ended
    t.is(code, 0, err)
    t.is((await receiver.ended).code, 0)
    t.deepEqual(await listing(dir), await listing(source))
    return err
  }
  return { near, far, ticket, send, sendPart, isEqual }
}

/** Resolves when so many bytes have come. */
async function hasCome(receiver: Command, bytes: number): Promise<void> {
  for (;;) {
    const { event, bytes: come } = JSON.parse(await receiver.line())
    if (event === 'progress' && come >= bytes) return
  }
}

/** A cable that is pulled for so many milliseconds. */
async function pull({ ip, link }: Machine, ms: number): Promise<void> {
  await ip('link', 'set', link, 'down')
  await setTimeout(ms)
  await ip('link', 'set', link, 'up')
}

test('a ticket has all addresses of a machine, and leads there from another one', async (t) => {
  const there = await scene(t, 3_000_000)
  if (!there) return t.pass()
  const { addresses } = decodeTicket(there.ticket)
  const hosts = addresses
    .map((address) => address.replace(/:\d+$/, ''))
    .filter((host) => !host.startsWith('[fe80'))
  t.deepEqual(hosts.sort(), ['10.77.0.2', '10.77.0.3', '[fd00:77::2]'])
  await there.isEqual(there.send())
})

test('a cable that is pulled for a while in mid-transfer: people read of it, and it goes on by itself', async (t) => {
  const there = await scene(t, 12_000_000)
  if (!there) return t.pass()
  const { near, sendPart, isEqual } = there
  const sender = await sendPart()
  await pull(near, LONG ? 30_000 : 5000)
  const err = await isEqual(sender)
  // after 20 seconds
  if (!LONG) return
  t.regex(err, /^nothing comes from the receiver any more; waiting for it\n(.*\n)*the receiver is back$/m)
})

test('an address that is gone in mid-transfer: it goes on at another one of the ticket, and says so', async (t) => {
  if (!LONG) {
    t.log('skipped: it takes a minute until the silence is noticed; SLUICE_LONG runs it')
    return t.pass()
  }
  const there = await scene(t, 12_000_000)
  if (!there) return t.pass()
  const { far, sendPart, isEqual } = there
  const sender = await sendPart()
  // as where another network is joined; the secondary one stays
  await far.ip('addr', 'del', BOBS[0]!, 'dev', far.link)
  await far.ip('addr', 'replace', BOBS[1]!, 'dev', far.link)
  const err = await isEqual(sender)
  t.regex(err, /connection lost, trying again in /)
  t.regex(err, /going on/)
})
