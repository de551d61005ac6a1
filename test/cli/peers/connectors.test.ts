// Two users whose connection is of each kind that can be listened at; through programs: through.test.ts.
import { join } from 'node:path'
import test from 'ava'
import { decodeTicket } from '../../../lib/peers/ticket.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { newUser } from '../../helpers/user.js'

const KINDS: Record<string, (folder: string) => string> = {
  'a Unix socket': (folder) => `unix:${join(folder, 's')}`,
  'a WebSocket': () => 'ws://127.0.0.1:0/inbox',
  'TCP over IPv4': () => '127.0.0.1:0',
}

for (const [kind, addressIn] of Object.entries(KINDS))
  test(`over ${kind} a ticket leads to who waits there, whichever side that is`, async (t) => {
    const [anna, bob, source, folder] = await Promise.all([
      newUser(t),
      newUser(t),
      temporary(t),
      temporary(t),
    ])
    await plant(source, { 'photos/one': 'one', 'photos/more/two': 'two' })
    const listen = ['--listen', addressIn(folder)]
    const send = ['send', join(source, 'photos')]
    for (const { waiting, calling } of [
      { waiting: ['receive', '--once'], calling: [...send, '--to'] },
      { waiting: send, calling: ['receive'] },
    ]) {
      const dir = await temporary(t)
      const receiver = (args: string[]) => (args[0] === 'receive' ? ['--yes', '--dir', dir] : [])
      const listener = bob.start([...waiting, ...receiver(waiting), ...listen])
      const ticket = await listener.line()
      t.true(decodeTicket(ticket).addresses[0]!.startsWith(listen[1]!.replace(/:0.*/, '')), kind)
      const caller = await anna.run(...calling, ticket, ...receiver(calling))
      t.is(caller.code, 0, caller.err)
      const { code, err } = await listener.ended
      t.is(code, 0, err)
      t.deepEqual(await listing(dir), await listing(source))
    }
  })
