// Loses the connections of a transfer one after the other:  lost-connections-child DIR
// Says as JSON how many, and how many senders are in memory then: that of the connection that is there is one.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { send, type Transfer, type TransferState } from '../../lib/index.js'
import { Sender } from '../../lib/transfer/sender.js'
import { LIMITS, losable } from './losable.js'

const TIMES = 12
const [dir] = process.argv.slice(2) as [string]
const source = join(dir, 'large')
writeFileSync(source, Buffer.alloc(5_000_000, 1))

const senders: WeakRef<Sender>[] = []
const { lost } = Sender.prototype
Sender.prototype.lost = function noted(this: Sender, ...args) {
  senders.push(new WeakRef(this))
  return lost.apply(this, args)
}

const { connect, lose } = losable(join(dir, 'in'))
async function become(transfer: Transfer, wanted: TransferState): Promise<void> {
  while (transfer.state !== wanted) await once(transfer, 'state')
}

const sender = send(connect, [source], { retry: { attempts: 100, pause: 0 }, limits: LIMITS })
await become(sender, 'sending')
sender.pause()
for (let times = 0; times < TIMES; times++) {
  await become(sender, 'paused')
  lose()
  await become(sender, 'interrupted')
}
await become(sender, 'paused')

const kept = () => senders.filter((one) => one.deref()).length
// what closes the last ones is at work for a while
for (let looks = 0; kept() > 1 && looks < 500; looks++) {
  await setTimeout(10)
  globalThis.gc!()
}
console.log(JSON.stringify({ lost: senders.length, kept: Math.max(1, kept()) }))
process.exit()
