/**
 * Moves one very large file, and very many very small ones.
 * @returns a table in Markdown: the peak of resident memory of each process
 */
export declare function compareMemory(source: string, scratch: string, programs: readonly string[], quick: boolean, log: (line: string) => void): Promise<string>;
