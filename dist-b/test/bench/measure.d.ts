/** What one process used. */
export interface Usage {
    /** Seconds of processor time, user and system. */
    cpu: number;
    /** The most resident memory at any moment, in bytes. */
    peak: number;
}
/**
 * Starts to count what this process uses.
 * @returns what gives the usage since then; the peak is that of the whole life of the process
 */
export declare function meter(): () => Usage;
/**
 * The peak of resident memory in bytes. Where /proc tells it that is used: `maxRSS` of a child begins with what its
 * parent had when it was started.
 */
export declare function peakMemory(pid?: number | 'self'): number;
/** The middle one, or the mean of the two in the middle. */
export declare function median(values: readonly number[]): number;
/** A table in Markdown, the columns padded so that it can be read as it is. */
export declare function table(head: readonly string[], rows: readonly (readonly string[])[]): string;
export declare const seconds: (value: number) => string;
export declare const megabytes: (bytes: number) => string;
export declare const milliseconds: (value: number) => string;
