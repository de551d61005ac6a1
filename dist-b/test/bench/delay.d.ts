/**
 * Measures how late the event loops of both processes are while they transfer.
 * @param programs those with the disk as it is; @param slow those whose receiver waits 200 ms for each write
 * @returns a table in Markdown
 */
export declare function compareDelay(source: string, scratch: string, programs: readonly string[], slow: readonly string[], quick: boolean, log: (line: string) => void): Promise<string>;
