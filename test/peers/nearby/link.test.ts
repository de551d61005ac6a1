// The links of a system, over its loopback: where that has no multicast, they are not tested.
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { deferred } from '../../../lib/async.js'
import { type OnPacket, openLink } from '../../../lib/peers/nearby/link.js'

const HERE = '127.0.0.1'

async function linkOf(t: ExecutionContext<unknown>, onPacket: OnPacket) {
  try {
    return await openLink(HERE, onPacket)
  } catch (error) {
    t.log(`skipped: ${error}`)
    return undefined
  }
}

test('those who are in one network hear each other, and who does not speak the standard is not heard', async (t) => {
  const heard = deferred<string[]>()
  const all: string[] = []
  const near = await linkOf(t, (packet, from) => {
    all.push(`${from} ${packet}`)
    if (`${packet}` === 'last') heard.resolve(all)
  })
  const far = await linkOf(t, () => {})
  const stranger = createSocket('udp4').bind(0, HERE)
  t.teardown(() => {
    for (const one of [near, far, stranger]) one?.close()
  })
  if (!near || !far) return t.pass()
  await once(stranger, 'listening')
  stranger.setMulticastInterface(HERE)
  await promisify((done: () => void) => stranger.send('from another port', 5353, '224.0.0.251', done))()
  await far.send(Buffer.from('first'))
  await far.send(Buffer.from('last'))
  t.deepEqual(await heard.promise, [`${HERE} first`, `${HERE} last`])
})

test('one that is closed sends nothing any more', async (t) => {
  const link = await linkOf(t, () => {})
  if (!link) return t.pass()
  link.close()
  await t.throwsAsync(link.send(Buffer.from('x')), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
})

test('a link keeps no process alive', async (t) => {
  const module = new URL('../../../lib/peers/nearby/link.js', import.meta.url)
  const code = `import { openLink } from '${module}'; await openLink('${HERE}', () => {}).catch(() => {})`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
    timeout: 60_000,
  })
  t.is(stdout, '')
})

test('an address that is not of this machine is refused', async (t) => {
  await t.throwsAsync(openLink('192.0.2.1', () => {}))
})
