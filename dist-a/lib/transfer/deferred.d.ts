/** A promise together with what settles it (`Promise.withResolvers` of Node 22). */
export interface Deferred<T> {
    promise: Promise<T>;
    resolve(value: T): void;
    reject(error: unknown): void;
}
export declare function deferred<T>(): Deferred<T>;
