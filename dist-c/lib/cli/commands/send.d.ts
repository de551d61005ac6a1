import { type Manifest } from '../../stages/manifest-of.js';
import type { Context } from '../context.js';
export interface SourceFlags {
    hash?: string;
    name?: string;
    include?: string[];
    exclude?: string[];
    gitignore?: boolean;
    links?: boolean;
}
export interface SendFlags extends SourceFlags {
    to?: string;
    listen?: string;
    limit?: string;
    dryRun?: boolean;
}
/** The manifest of the paths, or of standard input for `-`. */
export declare function manifestOfArguments(paths: string[], flags: SourceFlags, { io }: Context): Promise<Manifest>;
/** `sluice send`: gives the exit status 0, or throws. */
export declare function sendCommand(paths: string[], flags: SendFlags, context: Context): Promise<void>;
