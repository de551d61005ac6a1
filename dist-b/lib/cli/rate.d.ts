/**
 * Bytes per second of a text as 500k, 10M or 2MiB.
 * @throws SluiceError `ERR_USAGE`
 */
export declare function parseRate(text: string): number;
