import type { Context } from '../context.js';
/** `sluice status`: what interrupted transfers have left in a folder. Changes nothing. */
export declare function statusCommand(dir: string, { reporter }: Context): Promise<void>;
/** `sluice clean`: removes it, with `--yes`; without, shows what it would do. */
export declare function cleanCommand(dir: string, flags: {
    yes?: boolean;
}, context: Context): Promise<void>;
