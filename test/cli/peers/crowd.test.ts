// A thousand strangers at once: who is honest is served all the same, memory stays bounded, and people can read.
import { readFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { send } from '../../../lib/index.js'
import { connect } from '../../../lib/peers/connect.js'
import { decodeTicket } from '../../../lib/peers/ticket.js'
import { randomContent } from '../../../lib/testing/index.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { someone } from '../../helpers/secure.js'
import { HERE, newUser } from '../../helpers/user.js'

const STRANGERS = 1000
const HONEST = 20
/** Milliseconds until a stranger comes again that was sent away. */
const AGAIN = 500
const IS_LINUX = process.platform === 'linux'

/** So many connections that prove nothing, each kind a quarter, until the test ends. Resolves when all have come. */
async function crowd(t: ExecutionContext<unknown>, port: number): Promise<void> {
  let isOver = false
  t.teardown(() => {
    isOver = true
  })
  const come = (number: number, connected: () => void) => {
    if (isOver) return
    // elsewhere a machine has only one address of its own; one of these is that of the honest, too
    const from = IS_LINUX ? { localAddress: `127.0.0.${1 + (number % 20)}` } : {}
    const socket = connectTcp({ port, host: '127.0.0.1', ...from })
    t.teardown(() => socket.destroy())
    let drip: NodeJS.Timeout | undefined
    socket.once('connect', () => {
      connected()
      const kind = number % 4
      if (kind === 1) socket.write(randomContent(20_000))
      if (kind === 2) socket.write('S')
      const words = [...'SLUICE-N\x01']
      if (kind === 3) drip = setInterval(() => socket.write(words.shift() ?? 'x'), 1000)
    })
    socket.on('error', connected).resume()
    socket.once('close', () => {
      clearInterval(drip)
      setTimeout(() => come(number, () => {}), AGAIN).unref()
    })
  }
  const all = Array.from(
    { length: STRANGERS },
    (_, number) => new Promise<void>((resolve) => come(number, resolve)),
  )
  await Promise.all(all)
}

/** Bytes of memory of a process, now or at most. */
async function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)![1]) * 1024
}

test('a thousand strangers at once hold up none of twenty transfers, and take no memory to speak of', async (t) => {
  const [bob, source, dir] = await Promise.all([newUser(t), temporary(t), temporary(t)])
  const names = Array.from({ length: HONEST }, (_, number) => `file-${number}`)
  await plant(source, Object.fromEntries(names.map((name) => [name, randomContent(1_000_000)])))
  const receiver = bob.start(['receive', '--many', `${HONEST}`, '--yes', '--dir', dir, ...HERE])
  const ticket = decodeTicket(await receiver.line())
  const began = performance.now()
  const pid = receiver.child.pid!
  const before = IS_LINUX ? await memoryOf(pid, 'VmRSS') : 0
  await crowd(t, Number(ticket.addresses[0]!.split(':').at(-1)))
  const sent = names.map(async (name) => {
    const { duplex } = await connect(ticket, { identity: someone() })
    return send(duplex, [join(source, name)]).finished
  })
  for (const { published } of await Promise.all(sent)) t.is(published, 1)
  if (IS_LINUX) {
    const grown = (await memoryOf(pid, 'VmHWM')) - before
    t.log(`memory has grown by ${Math.round(grown / 1e6)} MB at most`)
    t.true(grown < 200_000_000, `${grown} bytes`)
  }
  receiver.child.kill('SIGINT')
  const { err } = await receiver.ended
  const seconds = (performance.now() - began) / 1000
  t.deepEqual(await listing(dir), await listing(source))
  const warnings = err.split('\n').filter((line) => line.startsWith('warning: '))
  t.true(warnings.length > 0 && warnings.length <= seconds + 2, `${warnings.length} in ${seconds} s`)
  t.regex(
    warnings.join('\n'),
    /a connection came to nothing, and \d+ others since the last warning: .*; still listening/,
  )
})
