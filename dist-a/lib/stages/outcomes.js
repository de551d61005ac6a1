import { printable, SluiceError } from '../errors.js';
import { isWanted } from '../wire/positions.js';
import { inSlices } from './at-most.js';
/** Why an entry failed, by a code. */
export function failureOf({ path }, code, why) {
    return new SluiceError(code, `${printable(path)}: ${why}`, { path });
}
/** A symbolic link that is not made. */
export function skippedLink(entry, why = 'symbolic links were not asked for') {
    const error = failureOf(entry, 'ERR_SKIPPED', why);
    return { entry, path: entry.path, status: 'skipped', reason: 'symlink', error };
}
/** The entries of an offer that will not come: skipped, unless `say` knows better. */
export async function leftOut(offer, want, say = () => ({ status: 'skipped', reason: 'unwanted' })) {
    const outcomes = [];
    await inSlices(offer.entries, (entry) => {
        if (!isWanted(want, entry.index - offer.first))
            outcomes.push({ entry, path: entry.path, ...say(entry) });
    });
    return outcomes;
}
/** The error of a transfer of which files failed: the first of them says what it was. */
export function filesFailed(outcomes) {
    let first;
    let count = 0;
    for (const outcome of outcomes) {
        if (outcome.status !== 'failed')
            continue;
        first ??= outcome;
        count++;
    }
    if (!first)
        return undefined;
    const message = `${count} of ${outcomes.length} entries failed; the first: ${first.error?.message}`;
    return new SluiceError('ERR_FILES_FAILED', message, { outcomes, cause: first.error });
}
//# sourceMappingURL=outcomes.js.map