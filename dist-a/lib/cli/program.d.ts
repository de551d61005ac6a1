import { type Io } from './reporter.js';
/**
 * Runs the command line.
 * @param args without the names of Node and the program
 * @returns the exit status (DESIGN.md, section 10)
 */
export declare function main(args: readonly string[], io: Io, signal: AbortSignal): Promise<number>;
