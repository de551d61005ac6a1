import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { send, type Transfer, type TransferState } from '../../lib/index.js'
import { plant, temporary } from '../helpers/folders.js'
import { LIMITS, losable } from '../helpers/losable.js'

const CHILD = fileURLToPath(new URL('../helpers/lost-connections-child.js', import.meta.url))

/** A transfer over connections that are lost when the test says so. */
async function scene(t: ExecutionContext) {
  const from = await plant(await temporary(t), { large: Buffer.alloc(5_000_000, 1) })
  const dir = await temporary(t)
  const { transfers, connect, lose: cut } = losable(dir)
  const offered = once(transfers, 'transfer')
  const sender = send(connect, [`${from}/large`], { retry: { attempts: 100, pause: 0 }, limits: LIMITS })
  t.teardown(() => sender.cancel())
  // nothing of it is through before the test has done with it
  await become(sender, 'sending')
  sender.pause()
  const [receiver] = (await offered) as [Transfer]
  const lose = async () => {
    cut()
    await become(sender, 'interrupted')
    await become(sender, 'paused')
    if (receiver.state !== 'paused') await become(receiver, 'paused')
  }
  return { sender, receiver, lose }
}

function become(transfer: Transfer, wanted: TransferState): Promise<void> {
  return new Promise((resolve) => {
    const look = (state: TransferState) => {
      if (state !== wanted) return
      transfer.off('state', look)
      resolve()
    }
    transfer.on('state', look)
  })
}

test('both sides know who wants a pause, also over the next connection', async (t) => {
  const { sender, receiver, lose } = await scene(t)
  await lose()
  t.deepEqual([sender.pausedBy, receiver.pausedBy], ['here', 'peer'])
  receiver.pause()
  await lose()
  t.deepEqual([sender.pausedBy, receiver.pausedBy], ['both', 'both'])
  receiver.resume()
  sender.resume()
  t.is((await sender.finished).published, 1)
})

test('the connections that were lost are not kept until the transfer ends', async (t) => {
  // what AVA notes of promises would keep them
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', CHILD, await temporary(t)])
  t.deepEqual(JSON.parse(stdout), { lost: 12, kept: 1 })
})
