/** Throws `ERR_USAGE` unless the option has one of these values. */
export declare function checkOption(name: string, value: unknown, values: readonly unknown[]): void;
/** Throws `ERR_USAGE` unless the option is a whole number from 1. */
export declare function checkCount(name: string, value: unknown): void;
