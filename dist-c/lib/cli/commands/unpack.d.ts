import type { Context } from '../context.js';
import type { ReceiveFlags } from './receive.js';
export type UnpackFlags = Omit<ReceiveFlags, 'listen' | 'once' | 'yes'>;
/** `sluice unpack`: reads a one-way stream from standard input. */
export declare function unpackCommand(flags: UnpackFlags, { io, reporter, signal }: Context): Promise<void>;
