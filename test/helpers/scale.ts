/**
 * `npm run test:long` runs the same tests with larger numbers; `half` is between, for tests that are run very often.
 */
export const LONG = process.env.SLUICE_LONG === '1'
const HALF = process.env.SLUICE_LONG === 'half'

/**
 * The number of the default run, or that of the long one.
 * @param half the one between, where the default run has become too short for the geometric mean of the two
 */
export function scale(short: number, long: number, half = Math.round(Math.sqrt(short * long))): number {
  if (HALF) return half
  return LONG ? long : short
}
