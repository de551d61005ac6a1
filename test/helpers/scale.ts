/** `npm run test:long` runs the same tests with larger numbers; `half` is between, for tests that are run very often. */
export const LONG = process.env.SLUICE_LONG === '1'
const HALF = process.env.SLUICE_LONG === 'half'

/** The number of the default run, or that of the long one. */
export function scale(short: number, long: number): number {
  if (HALF) return Math.round(Math.sqrt(short * long))
  return LONG ? long : short
}
