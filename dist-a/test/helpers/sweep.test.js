import test from 'ava';
import { durableReplace } from '../../lib/files/index.js';
import { crashSweep, faultSweep } from './sweep.js';
const set = (disk) => disk.put('/d/file', 'old');
const text = (disk) => disk.snapshot().get('/d/file')?.toString();
const expectWhole = (disk, acknowledged, place) => {
    const found = text(disk);
    if (found !== 'new' && (acknowledged || found !== 'old'))
        throw new Error(`${place}: ${found}`);
};
test('a replacement that syncs passes the sweep of power cuts, one that does not is found out', async (t) => {
    const replace = (durability) => ({
        set,
        work: (disk) => durableReplace(disk, '/d/file', 'new', { durability }),
        look: expectWhole,
    });
    t.true((await crashSweep(replace('power'))).states > 20);
    await t.throwsAsync(crashSweep(replace('crash')), { message: /before|at the end/ });
});
test('a recovery is cut as well', async (t) => {
    const places = [];
    await crashSweep({
        set,
        work: (disk) => durableReplace(disk, '/d/file', 'new'),
        recover: (disk) => durableReplace(disk, '/d/file', 'new'),
        look: (_disk, _acknowledged, place) => void places.push(place),
    });
    t.true(places.some((place) => place.includes('recovery cut before fsync')));
});
test('each call fails once in the sweep of faults, and an open handle is found out', async (t) => {
    const { runs } = await faultSweep({
        set,
        work: (disk) => durableReplace(disk, '/d/file', 'new'),
        look: (disk, result, place) => expectWhole(disk, result === undefined, place),
    });
    t.true(runs > 100);
    await t.throwsAsync(faultSweep({
        set,
        work: async (disk) => {
            const fd = await disk.open('/d/file', 0);
            await disk.fstat(fd);
            await disk.close(fd);
        },
        look: () => { },
    }), { message: /left open/ });
});
//# sourceMappingURL=sweep.test.js.map