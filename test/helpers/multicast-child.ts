// Takes part in the network of an address: prints each packet to all, and where it comes from; sends what it reads. Both
// are lines in hex.
import { createInterface } from 'node:readline'
import { openLink } from '../../lib/peers/nearby/link.js'

const link = await openLink(process.argv[2]!, (packet, from) => console.log(from, packet.toString('hex')))
console.log('ready')
for await (const line of createInterface(process.stdin)) await link.send(Buffer.from(line, 'hex'))
link.close()
