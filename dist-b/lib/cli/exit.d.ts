import { SluiceError } from '../errors.js';
/** The exit status of an error; of one whose files failed, that of the weightiest of them. */
export declare function exitOf(error: SluiceError): number;
/** Any error as one of ours; `where` is the address that it concerns. */
export declare function asSluiceError(error: unknown, where?: string): SluiceError;
