import { printable, SluiceError } from '../../errors.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { sameKey } from '../../peers/keys.js'
import { changedKey, checkPeerName, KnownPeers } from '../../peers/known-peers.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Context } from '../ui/context.js'
import type { Caller } from './entrance.js'

/**
 * Makes whoever is at the other end of a connection known under a name, once a transfer with them is completed; does
 * nothing without a name. Where it cannot be, the connection is closed.
 * @throws SluiceError `ERR_IDENTITY` if the name is that of a peer with another key, before anything is transferred;
 *   `ERR_USAGE` if the key is known by another name, or nothing is proved over the connection
 */
export async function remembering(
  name: string | undefined,
  { key, reachedAt, hangUp }: Caller,
  { reporter }: Context,
): Promise<(transfer: Transfer) => void> {
  if (name === undefined) return () => {}
  const peers = new KnownPeers({ fs: commandFileSystem })
  const proved = await check(peers, name, key).catch((error) => {
    // what is open would keep the program from ending
    hangUp()
    throw error
  })
  // who has called has told no address at which it listens
  const addresses = reachedAt === undefined ? [] : [reachedAt]
  return (transfer) => {
    const remembered = async () => {
      await peers.remember(name, proved, addresses)
      reporter.note(`remembered as ${printable(name)}`)
    }
    transfer.finished.then(remembered, () => {}).catch((error: SluiceError) => reporter.warn(error))
  }
}

/** Checks `--remember` before anything is opened: `ERR_USAGE` for a name that is none, or where nothing is proved. */
export function checkRemember(name: string | undefined, isProved: boolean): void {
  if (name === undefined) return
  checkPeerName('--remember', name)
  if (!isProved) throw withoutKey()
}

function withoutKey(): SluiceError {
  const message = '--remember is for tickets and known peers: over an address alone nobody proves a key'
  return new SluiceError('ERR_USAGE', message)
}

async function check(peers: KnownPeers, name: string, key: Uint8Array | undefined): Promise<Uint8Array> {
  checkPeerName('--remember', name)
  if (!key) throw withoutKey()
  const known = await peers.find(name)
  if (known && !sameKey(known.key, key)) throw changedKey(known, key)
  const other = known ? undefined : await peers.findByKey(key)
  if (!other) return key
  const shown = printable(other.name)
  const message = `the other side is known already, as ${shown}; leave --remember out, or forget it before: sluice peers remove ${shown}`
  throw new SluiceError('ERR_USAGE', message, { found: other.name })
}
