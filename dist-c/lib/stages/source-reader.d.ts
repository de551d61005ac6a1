import { SluiceError } from '../errors.js';
import type { FileSystem } from '../files/fs.js';
import type { Clock } from './clock.js';
import type { Item } from './items.js';
import type { Manifest } from './manifest-of.js';
import type { Step } from './read-plan.js';
/** What a {@link SourceReader} depends on. */
export interface ReaderOptions {
    fs: FileSystem;
    clock: Clock;
    /** Bytes of a run at most, where a stream decides about its length. */
    maxRun: number;
    /** What fails after it is aborted fails because of that, and is not told. */
    signal: AbortSignal;
    onFailure: ((error: SluiceError) => void) | undefined;
}
/** Makes items of the steps of a plan. What cannot be read becomes a `failure` and nothing else of that file follows. */
export declare class SourceReader {
    #private;
    constructor(manifest: Manifest, options: ReaderOptions);
    items(step: Step): AsyncGenerator<Item>;
    close(): Promise<void>;
}
