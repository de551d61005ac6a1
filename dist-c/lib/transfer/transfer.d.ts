import { EventEmitter } from 'node:events';
import type { SluiceError } from '../errors.js';
import { type Progress, ProgressMeter } from './progress.js';
import { type TransferState } from './states.js';
/** What became of one entry, as the receiver reports it. */
export interface FileOutcome {
    /** The path in the offer. */
    path: string;
    status: 'published' | 'skipped' | 'failed';
    /** The path under which it was published, where it is another one. */
    name?: string;
    /** Why it was skipped or failed. */
    code?: string;
}
/** The whole result of a transfer, the same on both sides. */
export interface TransferResult {
    id: string;
    /** One record per entry, in the order of the offer. */
    files: FileOutcome[];
    published: number;
    skipped: number;
    failed: number;
    /** Bytes of content that travelled. */
    bytes: number;
}
/** The events of a {@link Transfer} and their arguments. There is no `error`: errors come by `finished`. */
export interface TransferEvents {
    state: [state: TransferState];
    /** An entry ended. */
    file: [outcome: FileOutcome];
    /** Something that a person should know, and that did not stop the transfer. */
    warning: [warning: SluiceError];
    /** At most ten times a second while bytes flow, and once at the end. */
    progress: [progress: Progress];
}
/** What the session does with a transfer; users hold the {@link Transfer} only. */
export interface TransferControl {
    readonly transfer: Transfer;
    readonly meter: ProgressMeter;
    identify(id: string): void;
    move(state: TransferState): void;
    /** Says that bytes or files were counted by the meter. */
    advance(): void;
    file(outcome: FileOutcome): void;
    warn(warning: SluiceError): void;
    complete(result: TransferResult): void;
    /** Ends in the state that belongs to the error. */
    fail(error: SluiceError): void;
}
/**
 * One transfer, sending or receiving. `finished` resolves with one outcome per entry, or rejects with a
 * `SluiceError` (with `outcomes`, if the transfer came to its end but files failed). It never crashes a process that
 * ignores it. Iterating gives {@link Progress} until the end.
 */
export declare class Transfer extends EventEmitter<TransferEvents> {
    #private;
    readonly direction: 'send' | 'receive';
    readonly finished: Promise<TransferResult>;
    private constructor();
    /** The same on both sides; empty until the offer is known. */
    get id(): string;
    get state(): TransferState;
    get progress(): Progress;
    /**
     * Ends the transfer and tells the peer. What was published stays, what had begun can be resumed. Resolves when
     * the stream is closed; does nothing if the transfer is over.
     */
    cancel(reason?: string): Promise<void>;
    [Symbol.asyncIterator](): AsyncGenerator<Progress, void, void>;
    /** Makes a transfer together with what only its session may do. */
    static create(direction: 'send' | 'receive', cancel: (reason: string) => Promise<void>): TransferControl;
}
