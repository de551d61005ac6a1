import type { Context } from '../context.js';
import { type SourceFlags } from './send.js';
/** `sluice pack`: writes a one-way stream to standard output. */
export declare function packCommand(paths: string[], flags: SourceFlags, context: Context): Promise<void>;
