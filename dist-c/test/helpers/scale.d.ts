/** `npm run test:long` runs the same tests with larger numbers. */
export declare const LONG: boolean;
/** The number of the default run, or that of the long one. */
export declare function scale(short: number, long: number): number;
