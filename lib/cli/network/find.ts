import { SluiceError } from '../../errors.js'
import type { ConnectToPeerOptions } from '../../peers/connect.js'
import type { Announcing } from '../../peers/nearby/announce.js'
import type { Context } from '../ui/context.js'

// What `--find` is on both sides. What it stands on is loaded only where it is used.

/** Checks `--find`: `ERR_USAGE` where nobody proves a key, by which others are found. */
export function checkFind(find: boolean | undefined, isProved: boolean): void {
  if (!find || isProved) return
  const message = '--find is for tickets and known peers: it takes a key to find somebody, or to be found'
  throw new SluiceError('ERR_USAGE', message)
}

/** For the command of the other side, which may look for this one, too. */
export function findHint({ find }: { find?: boolean }): string {
  return find ? '--find ' : ''
}

/** Lets others in this network find a listener by its key; where that cannot be, there is a warning. */
export async function announced(
  publicKey: Uint8Array,
  addresses: readonly string[],
  { reporter }: Pick<Context, 'reporter'>,
): Promise<Announcing> {
  const { announce } = await import('../../peers/nearby/announce.js')
  return announce(publicKey, addresses, { onWarning: (warning) => reporter.warn(warning) })
}

/** What looks for a peer in this network, which people are told. */
export async function finder(
  to: string,
  { reporter }: Context,
): Promise<NonNullable<ConnectToPeerOptions['find']>> {
  const { findPeer } = await import('../../peers/nearby/find-peer.js')
  reporter.note(`looking for ${to} in this network, too`)
  return findPeer
}
