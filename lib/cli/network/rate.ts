import { printable, SluiceError } from '../../errors.js'

const UNITS: Record<string, number> = { '': 1, k: 1e3, m: 1e6, g: 1e9, ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30 }

/** At a lower rate the handshake of a transfer would take too long. */
const LOWEST = 1000

/**
 * Parses a rate such as 500k, 10M or 2MiB; returns bytes per second.
 * @throws SluiceError `ERR_USAGE`
 */
export function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kmg]?i?)b?(?:\/s)?$/i.exec(text)
  const rate = Math.floor(Number(match?.[1]) * (UNITS[(match?.[2] ?? '-').toLowerCase()] ?? Number.NaN))
  if (rate >= LOWEST) return rate
  const why =
    rate >= 0
      ? 'is too slow for a transfer to begin in time; the lowest rate is 1k, 1000 bytes per second'
      : 'is not a rate; write bytes per second, as 500k or 10M'
  throw new SluiceError('ERR_USAGE', `"${printable(text, 50)}" ${why}`)
}
