import { MemoryDisk } from '../../lib/testing/index.js';
import { scale } from './scale.js';
/**
 * Cuts the power before every call of `work`, and once after it; each time as many disks are found as there are
 * `seeds`, each with another part of what was not synced. Gives how many were looked at.
 */
export async function crashSweep({ options, set, work, recover, look, seeds = scale(12, 200), again = scale(1, 3), }) {
    const disk = new MemoryDisk({ ...options, crashes: true });
    set(disk);
    disk.syncAll();
    const moments = [];
    const cut = (of, count, acknowledged, place) => {
        // each outcome once: many seeds choose the same
        const seen = new Set();
        for (let seed = 0; seed < count; seed++) {
            const found = of.crash(seed);
            const state = stateOf(found);
            if (seen.has(state))
                continue;
            seen.add(state);
            moments.push({ found, acknowledged, place: `${place}, seed ${seed}` });
        }
    };
    disk.hook = ({ call, path, number }) => cut(disk, seeds, false, `before ${call} ${path} (${number})`);
    await work(disk);
    disk.hook = undefined;
    cut(disk, seeds, true, 'at the end');
    let states = 0;
    // the recovery of each is cut as well, but the recovery of what was found then is not cut once more
    for (const { found, acknowledged, place } of moments.splice(0)) {
        if (recover) {
            found.hook = ({ call, path, number }) => cut(found, again, acknowledged, `${place}; recovery cut before ${call} ${path} (${number})`);
            await recover(found);
            found.hook = undefined;
        }
        states++;
        await look(found, acknowledged, place);
        for (const second of moments.splice(0)) {
            await recover?.(second.found);
            states++;
            await look(second.found, second.acknowledged, second.place);
        }
    }
    return { states };
}
function stateOf(disk) {
    const files = [...disk.snapshot()].map(([path, content]) => `${path}\0${content.toString('latin1')}`);
    return `${disk.list().join('\0')}\0\0${files.join('\0')}`;
}
/** What may go wrong with one call: once, from then on, or although it was done. */
export const FAULTS = [
    ...['EIO', 'ENOSPC', 'EACCES', 'EXDEV', 'EMFILE', 'EINTR'].flatMap((error) => [
        { error },
        { error, once: false },
    ]),
    { error: 'EIO', after: true },
    { short: 1 },
    { short: 0, once: false },
];
/**
 * Fails call number 1, 2, 3 … of `work`, until there is none so high, in each of the ways of `faults`. Whatever
 * happens, no handle stays open.
 */
export async function faultSweep({ options, set, work, look, recover, faults = FAULTS, }) {
    let runs = 0;
    for (const fault of faults) {
        for (let nth = 1;; nth++) {
            const disk = new MemoryDisk({ ...options });
            set(disk);
            // what a fault cannot strike any more is counted from here
            const before = disk.calls;
            disk.fail({ call: fault.short === undefined ? '*' : 'write', nth, ...fault });
            const result = await work(disk).catch((error) => error);
            const made = disk.calls - before;
            disk.heal();
            runs++;
            const place = `call ${nth} of ${made}: ${JSON.stringify(fault)}; ${String(result)}`;
            const open = disk.openHandles();
            if (open.length > 0)
                throw new Error(`left open: ${open.join(', ')}; ${place}`);
            await look(disk, result, place);
            if (recover) {
                await recover(disk);
                await look(disk, result, `after recovery; ${place}`);
            }
            if (nth > made)
                break;
        }
    }
    return { runs };
}
//# sourceMappingURL=sweep.js.map