#!/usr/bin/env node
// Files over a secure channel: a receiver that prints a ticket, and a sender that has it.
//   node dist/examples/peers.js DIR [ADDRESS]
//   node dist/examples/peers.js --send TICKET PATH...
// ADDRESS is where to listen, as 127.0.0.1:7000, unix:PATH or ws://127.0.0.1:7000/; all addresses of the machine
// without it.
import { send, Transfers } from 'sluice'
import {
  connect,
  decodeTicket,
  encodeTicket,
  fingerprint,
  Invitations,
  identity,
  KnownPeers,
  listen,
} from 'sluice/peers'
import './one-line.js'

const shown = (error: unknown) => console.error(`not received: ${(error as Error).message}`)

async function serve(dir: string, address: string): Promise<void> {
  const own = await identity() // in the folder that SLUICE_HOME names, or that of the user's configurations
  const known = await new KnownPeers().list()
  const nameOf = (key: Uint8Array) =>
    known.find((peer) => Buffer.compare(peer.key, key) === 0)?.name ?? fingerprint(key)

  const transfers = new Transfers({ receive: () => ({ dir, accept: ({ bytes }) => bytes < 1e9 }) })
  transfers.on('transfer', (transfer, peer) => {
    transfer.finished.then(({ files }) => console.log(`${files.length} entries from ${peer}`), shown)
  })

  const invitations = new Invitations()
  const { addresses } = await listen({
    identity: own,
    addresses: [address],
    admit: (stranger) => invitations.admit(stranger), // a key comes with the secret of a ticket, or has come before
    onConnection: (channel) => transfers.handle(channel, { peer: nameOf(channel.peerKey) }),
    onRefused: shown, // why: whoever was refused is not told
  })
  const secret = invitations.issue() // for one key, within an hour
  const ticket = { addresses: addresses.slice(0, 16), publicKey: own.publicKey, secret }
  console.log(encodeTicket(ticket))
}

async function upload(word: string, paths: string[]): Promise<void> {
  const ticket = decodeTicket(word)
  const own = await identity()
  // called again when the connection is lost: then our key is enough
  const connection = async (_attempt: number, signal: AbortSignal) =>
    (await connect(ticket, { identity: own, signal })).duplex
  const { published } = await send(connection, paths, { retry: { attempts: 3 } }).finished
  console.log(`published ${published} at ${fingerprint(ticket.publicKey)}`)
}

const [first, second, ...paths] = process.argv.slice(2)
if (first === '--send' && second !== undefined && paths.length > 0) await upload(second, paths)
else if (first !== undefined && first !== '--send') await serve(first, second ?? '*:0')
else {
  console.error('usage: peers DIR [ADDRESS] | peers --send TICKET PATH...')
  process.exitCode = 2
}
