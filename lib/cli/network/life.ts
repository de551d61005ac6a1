import ms, { type StringValue } from 'ms'
import { MOST_TIMER } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'

/** A shorter life ends before anybody has copied a ticket. */
const SHORTEST = 1000

/**
 * How long a ticket is good for, in milliseconds, of a time such as 90s, 30m or 12h; an hour by default.
 * @throws SluiceError `ERR_USAGE`
 */
export function parseLife(text = '1h'): number {
  // a number alone would be milliseconds
  const isTime = text.length <= 50 && /^[\d.]+ ?[a-z]+$/i.test(text)
  const life = isTime ? Math.round(ms(text as StringValue) ?? 0) : 0
  if (life >= SHORTEST && life <= MOST_TIMER) return life
  const message = `--expires must be a time from 1s to 24d, as 90s, 30m or 12h, not "${printable(text, 50)}"`
  throw new SluiceError('ERR_USAGE', message)
}
