import type { Conflict, Durability } from '../../files/publish.js';
import type { Unless } from '../../stages/settle-file.js';
import type { Names } from '../../wire/paths.js';
import type { Context } from '../context.js';
export interface ReceiveFlags {
    dir: string;
    listen?: string;
    once?: boolean;
    yes?: boolean;
    conflict?: Conflict;
    unless?: Unless;
    durability?: Durability;
    names?: Names;
    links?: boolean;
}
/** `sluice receive`: connects to ADDRESS for one transfer, or listens. */
export declare function receiveCommand(address: string | undefined, flags: ReceiveFlags, context: Context): Promise<void>;
