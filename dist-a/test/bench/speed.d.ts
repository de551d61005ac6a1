import { type Run } from './pair.js';
/** What is beside the others in the table. */
export interface Contender {
    name: string;
    run(source: string, target: string): Promise<Run>;
}
/** The one that the ratios refer to. */
export declare const BASELINE = "tar-fs";
export declare function contenders(scratch: string, withRsync: boolean): Contender[];
/**
 * Lets each of them move the same folder, one after the other in turns, and compares what arrived each time.
 * @returns a table in Markdown: medians, and the median of the ratios within each round
 */
export declare function compareSpeed(source: string, scratch: string, all: readonly Contender[], rounds: number, log: (line: string) => void): Promise<string>;
