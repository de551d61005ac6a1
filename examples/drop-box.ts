#!/usr/bin/env node
// A drop box between peers that know each other: each one's files go to a folder of its own, up to a quota, and what is
// typed goes to the others.
//   node dist/examples/drop-box.js DIR ADDRESS
// ADDRESS is where to listen, as 127.0.0.1:7000. A line "NAME PATH" sends PATH to the peer NAME. Who is known, and at
// which address, is what `sluice peers add NAME KEY ADDRESS` has noted.
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { FileQuota, Transfers } from 'sluice'
import { connectByName, home, identity, KnownPeers, listen, showKey } from 'sluice/peers'
import './one-line.js'

const [dir, address] = process.argv.slice(2)
if (dir !== undefined && address !== undefined) await open(dir, address)
else {
  console.error('usage: drop-box DIR ADDRESS')
  process.exitCode = 2
}

async function open(dir: string, address: string): Promise<void> {
  const own = await identity()
  const peers = new KnownPeers()
  const file = join(await home(), 'drop-box.json')

  const transfers = new Transfers({
    receive: (peer = '') => ({
      dir: join(dir, peer),
      accept: 'all',
      quota: new FileQuota({ file, of: peer, bytes: 10e9, files: 10_000 }),
    }),
    connect: connectByName({ identity: own, peers }),
  })
  // what a user interface shows: each state, and why it came to nothing, by a code
  transfers.on('transfer', (transfer, peer) => {
    const which = `${transfer.direction} ${peer}`
    transfer.on('state', (state) => console.log(`${which}: ${state}`))
    transfer.finished.catch((error) => console.log(`${which}: ${error.code}: ${error.message}`))
  })

  const { addresses } = await listen({
    identity: own,
    addresses: [address],
    admit: async ({ key }) => (await peers.findByKey(key)) !== undefined,
    async onConnection(channel) {
      const { name } = (await peers.findByKey(channel.peerKey))!
      await transfers.handle(channel, { peer: name }).catch(() => channel.destroy())
    },
  })
  console.log(`listening: ${showKey(own.publicKey)} ${addresses.join(' ')}`)

  for await (const line of createInterface(process.stdin)) {
    const [, name, path] = /^(\S+) (.+)$/.exec(line) ?? []
    if (name === undefined || path === undefined) console.log('what to send: NAME PATH')
    // what runs to that peer takes it, too
    else transfers.send(name, [path]).catch((error) => console.log(`not sent to ${name}: ${error.code}`))
  }
  await transfers.cancelAll('the drop box closes')
  process.exit()
}
