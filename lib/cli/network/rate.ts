import { printable, SluiceError } from '../../errors.js'
import { bytesIn } from './bytes.js'

/** At a lower rate the handshake of a transfer would take too long. */
const LOWEST = 1000

/**
 * Parses a rate such as 500k, 10M or 2MiB; returns bytes per second.
 * @throws SluiceError `ERR_USAGE`
 */
export function parseRate(text: string): number {
  const rate = bytesIn(text.replace(/\/s$/i, ''))
  if (rate >= LOWEST) return rate
  const why =
    rate >= 0
      ? 'is too slow for a transfer to begin in time; the lowest rate is 1k, 1000 bytes per second'
      : 'is not a rate; write bytes per second, as 500k or 10M'
  throw new SluiceError('ERR_USAGE', `"${printable(text, 50)}" ${why}`)
}
