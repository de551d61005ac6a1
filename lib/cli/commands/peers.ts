import { counted, printable } from '../../errors.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { fingerprint, parseKey, showKey } from '../../peers/keys.js'
import { type KnownPeer, KnownPeers } from '../../peers/known-peers.js'
import type { Context } from '../ui/context.js'

const knownPeers = () => new KnownPeers({ fs: commandFileSystem })

/** `sluice peers list`: a row for each known peer. */
export async function listPeersCommand(context: Context): Promise<void> {
  const peers = await knownPeers().list()
  for (const peer of peers) tell(peer, context)
  context.reporter.note(peers.length === 0 ? 'no peer is known' : counted(peers.length, 'known peer'))
}

/** `sluice peers add`: makes a peer known, or gives it other addresses. */
export async function addPeerCommand(
  name: string,
  word: string,
  addresses: string[],
  { reporter }: Context,
): Promise<void> {
  const key = parseKey(word)
  await knownPeers().add({ name, key, addresses })
  reporter.event({ event: 'peer', ...told({ name, key, addresses }) })
  reporter.note(`${printable(name)} is known; fingerprint: ${fingerprint(key)}`)
}

/** `sluice peers remove`: forgets a peer. */
export async function removePeerCommand(name: string, { reporter }: Context): Promise<void> {
  await knownPeers().remove(name)
  reporter.event({ event: 'peer-removed', name })
  reporter.note(`${printable(name)} is forgotten`)
}

function tell(peer: KnownPeer, { reporter }: Context): void {
  const { name, key, addresses } = peer
  const where = addresses.map((address) => `  ${printable(address)}`).join('')
  reporter.result({ event: 'peer', ...told(peer) }, `${printable(name)}  ${fingerprint(key)}${where}`)
}

function told({ name, key, addresses }: KnownPeer) {
  return { name, key: showKey(key), fingerprint: fingerprint(key), addresses: [...addresses] }
}
