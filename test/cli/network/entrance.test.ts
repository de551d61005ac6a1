import { once } from 'node:events'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openEntrance } from '../../../lib/cli/network/entrance.js'
import { serve } from '../../../lib/cli/network/serve.js'
import type { Context } from '../../../lib/cli/ui/context.js'
import { connect } from '../../../lib/peers/connect.js'
import { decodeTicket } from '../../../lib/peers/ticket.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { temporary } from '../../helpers/folders.js'
import { newUser } from '../../helpers/user.js'

const HOUR = 60 * 60 * 1000

/** Somebody listens at this machine, by this clock. */
async function opened(t: ExecutionContext, flags: { many?: string } = {}) {
  process.env.SLUICE_HOME = join(await temporary(t), 'home')
  const clock = new FakeClock()
  const context = { signal: new AbortController().signal } as Context
  const entrance = await openEntrance({ listen: '127.0.0.1:0', ...flags }, context, clock)
  t.teardown(() => entrance.close())
  return { clock, entrance }
}

test.serial('an expired ticket lets in who has come before, and nobody new', async (t) => {
  const [anna, carol] = await Promise.all([newUser(t), newUser(t)])
  const { clock, entrance } = await opened(t, { many: '2' })
  const warned: string[] = []
  const reporter = { detail() {}, warn: ({ message }: Error) => warned.push(message) }
  const { signal } = new AbortController()
  const serving = { begin: () => new Promise<never>(() => {}), once: false, where: () => '' }
  void serve(entrance, serving, { reporter, signal } as unknown as Context)
  const comes = async () => {
    const [came] = await Promise.all([
      once(entrance, 'connection'),
      connect(decodeTicket(entrance.word), { identity: anna.me }),
    ])
    came[0].destroy()
  }
  await comes()
  clock.advance(HOUR - 1)
  t.deepEqual(warned, [])
  clock.advance(1)
  t.regex(warned[0]!, /^the ticket has expired; .*; who has come by it may come again$/)
  const late = await carol.run('send', '--text', 'late', '--to', entrance.word)
  t.is(late.code, 6)
  t.regex(late.err, /^sluice: [^\n]*the listener does not let us in: [^\n]*expired[^\n]*\n$/)
  t.regex(warned[1]!, /its ticket has expired; still listening$/)
  await comes()
})

test.serial('of a ticket that all have used it is not said that it expires', async (t) => {
  const anna = await newUser(t)
  const { clock, entrance } = await opened(t)
  entrance.on('expired', () => t.fail())
  entrance.serve()
  const came = once(entrance, 'connection')
  await connect(decodeTicket(entrance.word), { identity: anna.me })
  ;(await came)[0].destroy()
  clock.advance(2 * HOUR)
  t.pass()
})
