import { printable, SluiceError } from '../../errors.js';
import { blockingFileSystem } from '../../files/fs.js';
import { collectLeftovers } from '../../files/leftovers.js';
import { Tree } from '../../files/tree.js';
import { size } from '../progress.js';
/** `sluice status`: what interrupted transfers have left in a folder. Changes nothing. */
export async function statusCommand(dir, { reporter }) {
    const found = await collect(dir, true);
    for (const leftover of found)
        tell(leftover, 'left', reporter);
    reporter.note(found.length === 0
        ? 'nothing is left of interrupted transfers'
        : sum(found, 'would be removed by clean --yes'));
}
/** `sluice clean`: removes it, with `--yes`; without, shows what it would do. */
export async function cleanCommand(dir, flags, context) {
    if (!flags.yes)
        return statusCommand(dir, context);
    const { reporter } = context;
    const found = await collect(dir, false);
    for (const leftover of found)
        tell(leftover, 'removed', reporter);
    reporter.note(found.length === 0 ? 'there was nothing to clean' : sum(found, 'removed'));
    const kept = found.find(({ error }) => error !== undefined);
    if (kept !== undefined) {
        throw new SluiceError('ERR_WRITE', `${printable(kept.path)} could not be removed: ${kept.error.message}`, {
            path: kept.path,
            cause: kept.error,
        });
    }
}
async function collect(dir, dryRun) {
    const tree = await Tree.open(dir, { fs: blockingFileSystem }).catch((cause) => {
        throw new SluiceError('ERR_USAGE', `${printable(dir)} is not a folder that can be opened`, {
            path: dir,
            cause,
        });
    });
    try {
        return await collectLeftovers(tree, { dryRun });
    }
    finally {
        await tree.close();
    }
}
function tell({ path, bytes, state }, done, reporter) {
    const what = state === 'kept' ? 'kept' : done;
    reporter.result({ event: 'leftover', path, bytes, state }, `${what} ${printable(path)} (${size(bytes)})`);
}
function sum(found, what) {
    const removable = found.filter(({ state }) => state !== 'kept');
    return `${removable.length} parts, ${size(removable.reduce((all, { bytes }) => all + bytes, 0))} ${what}`;
}
//# sourceMappingURL=leftovers.js.map