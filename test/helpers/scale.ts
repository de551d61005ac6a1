/** `npm run test:long` runs the same tests with larger numbers. */
export const LONG = process.env.SLUICE_LONG === '1'

/** The number of the default run, or that of the long one. */
export function scale(short: number, long: number): number {
  return LONG ? long : short
}
