/**
 * Moves a folder with the profiler of V8 at work in both processes.
 * @returns a table in Markdown for each side: where the time of the main thread goes
 */
export declare function profile(program: string, folder: string, scratch: string): Promise<string>;
