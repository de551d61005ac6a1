import { type SluiceError } from '../errors.js';
import type { Progress } from '../transfer/progress.js';
import type { Transfer, TransferResult } from '../transfer/transfer.js';
import { type CliEvent } from './events.js';
/** Where a command reads, writes and is shown; a parameter, so that tests need no terminal. */
export interface Io {
    stdin: NodeJS.ReadStream;
    stdout: NodeJS.WriteStream;
    stderr: NodeJS.WriteStream;
}
/** Tells what happens: for people on standard error, with a live line on a terminal; or as events on standard output. */
export declare class Reporter {
    #private;
    constructor(io: Io, json: boolean);
    /** One result on standard output: as an event, or as the line `text`. */
    result(event: CliEvent, text: string): void;
    /** A line for people; nothing with `--json`. */
    note(text: string): void;
    event(event: CliEvent): void;
    warn(warning: SluiceError): void;
    /** Gives the exit status that belongs to the error. */
    error(error: SluiceError): number;
    /** Shows a transfer while it runs. */
    watch(transfer: Transfer): void;
    progress(progress: Progress): void;
    completed({ files, ...result }: TransferResult): void;
}
