/** `npm run test:long` runs the same tests with larger numbers. */
export const LONG = process.env.SLUICE_LONG === '1';
/** The number of the default run, or that of the long one. */
export function scale(short, long) {
    return LONG ? long : short;
}
//# sourceMappingURL=scale.js.map