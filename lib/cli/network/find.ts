import { printable, SluiceError } from '../../errors.js'
import type { ConnectToPeerOptions } from '../../peers/connect.js'
import { isHostAndPort, parseAddress } from '../../peers/connectors/address.js'
import type { Announcing } from '../../peers/nearby/announce.js'
import type { Context } from '../ui/context.js'
import { isLoopback } from './address.js'

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

/**
 * Lets others in this network find a listener by its key; where that cannot be, there is a warning.
 * @param at where it was told to listen
 */
export async function announced(
  { publicKey, addresses, at }: { publicKey: Uint8Array; addresses: readonly string[]; at: string },
  { reporter }: Pick<Context, 'reporter'>,
): Promise<Announcing> {
  const { announce } = await import('../../peers/nearby/announce.js')
  const warn = (warning: SluiceError) => reporter.warn(isOnlyHere(at) ? onlyHere(at) : warning)
  return announce(publicKey, addresses, { onWarning: warn })
}

/** Whether nobody but this machine reaches what listens there, whatever network it is in. */
function isOnlyHere(at: string): boolean {
  const plain = at.replace(/^tcp:/i, '')
  if (!isHostAndPort(plain)) return false
  const { host } = parseAddress(plain)
  return host === 'localhost' || isLoopback(host)
}

function onlyHere(at: string): SluiceError {
  const message = `--find is in vain: nobody but this machine reaches ${printable(at)}; listen where others do, as with --listen *:0`
  return new SluiceError('ERR_UNREACHABLE', message)
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
