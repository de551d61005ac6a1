#!/usr/bin/env node
// Moves files from one peer to another that is known by its key alone, over a network of this machine alone:
//   node transfer.js DIR PATH...
import DHT from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import { receive, send } from 'sluice'
import { hyperdht } from './connector.js'

const [dir, ...paths] = process.argv.slice(2)
if (dir === undefined || paths.length === 0) {
  console.error('usage: transfer DIR PATH...')
  process.exit(2)
}

// three nodes that know each other; without `bootstrap` it would be the public network
const network = await createTestnet(3)
const [near, far] = [0, 1].map(() => new DHT({ bootstrap: network.bootstrap, host: '127.0.0.1' }))
try {
  const listening = await hyperdht(far).listen('hyperdht:', {
    onConnection(stream) {
      receive(stream, { dir, accept: 'all' }).finished.catch((error) =>
        console.error(`not received: ${error.message}`),
      )
    },
  })
  const [address] = listening.addresses
  console.log(`listening at ${address}`)
  const { published } = await send(await hyperdht(near).connect(address), paths).finished
  console.log(`${published} published`)
  await listening.close()
} catch (error) {
  console.error(`not sent: ${error.message}`)
  process.exitCode = 1
}
for (const node of [near, far, network]) await node.destroy()
