import { printable, SluiceError } from '../../errors.js'
import { Rate } from '../../stages/bytes/rate.js'

/** Where several connections can be made. */
interface ConnectionFlags {
  connections?: string
  to?: string | undefined
  via?: string
  watch?: boolean
}

/**
 * How many connections are to carry a transfer.
 * @throws SluiceError `ERR_USAGE`, also where there can be only one
 */
export function connectionsOf({ connections, to, via, watch }: ConnectionFlags): number {
  if (connections === undefined) return 1
  const count = /^\d{1,2}$/.test(connections) ? Number(connections) : 0
  if (count < 1 || count > 16)
    throw usage(`--connections must be a whole number from 1 to 16, not "${printable(connections, 100)}"`)
  if (count === 1) return 1
  if (via !== undefined)
    throw usage('--connections is for --to: each connection by --via would begin a program of its own')
  if (to === undefined) throw usage('--connections is for --to: a receiver that is waited for makes only one')
  if (watch) throw usage('--connections is for one transfer: --watch sends one after the other over one')
  return count
}

/** What each of several connections may take of a rate, also when that is changed. */
export function shareOf(rate: Rate, connections: number): Rate {
  if (connections === 1) return rate
  const share = new Rate()
  const follow = () => {
    share.limit = rate.limit === null ? null : Math.max(1, rate.limit / connections)
  }
  rate.onChange(follow)
  follow()
  return share
}

function usage(message: string): SluiceError {
  return new SluiceError('ERR_USAGE', message)
}
