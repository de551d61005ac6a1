import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { durableReplace, nodeFileSystem, Tree } from '../../lib/files/index.js';
import { MemoryDisk } from '../../lib/testing/index.js';
const calls = (disk) => {
    const order = [];
    disk.hook = ({ call }) => {
        order.push(call);
    };
    return order;
};
test('a file is replaced as a whole, and the order of the calls makes it last', async (t) => {
    const disk = new MemoryDisk();
    disk.put('/d/own', 'old');
    const order = calls(disk);
    await durableReplace(disk, '/d/own', 'new', { mode: 0o640 });
    t.deepEqual(order.splice(0), 'open open write fchmod fstat fsync close lstat rename fsync close'.split(' '));
    t.is((await disk.lstat('/d/own')).mode & 0o777, 0o640);
    order.splice(0);
    await durableReplace(disk, '/d/own', Buffer.from('newer'), { durability: 'crash' });
    t.false(order.includes('fsync'));
    t.deepEqual([...disk.snapshot()].map(String), ['/d/own,newer']);
    t.is((await disk.lstat('/d/own')).mode & 0o777, 0o600);
    t.deepEqual(disk.openHandles(), []);
});
test('a link in its place is replaced, not followed; one on the way is the caller’s', async (t) => {
    const disk = new MemoryDisk({ platform: 'darwin' });
    disk.put('/precious', 'mine');
    disk.putLink('/d/own', '/precious');
    disk.putLink('/e', '/d');
    await durableReplace(disk, '/e/own', 'new');
    t.is(disk.snapshot().get('/precious').toString(), 'mine');
    t.is(disk.snapshot().get('/d/own').toString(), 'new');
});
test('whatever call fails, the old content stands or the new one, and nothing is left over', async (t) => {
    const faults = [
        { error: 'EIO' },
        { error: 'ENOSPC' },
        { error: 'EACCES' },
        { error: 'EROFS' },
        { short: 2 },
        { error: 'EIO', after: true },
    ];
    for (const fault of faults) {
        for (let nth = 1;; nth++) {
            const disk = new MemoryDisk();
            disk.put('/d/own', 'old');
            disk.put('/d/other', 'other');
            disk.fail({ call: '*', nth, ...fault });
            const error = await durableReplace(disk, '/d/own', 'the new').then(() => undefined, (thrown) => thrown);
            const files = disk.snapshot();
            const text = files.get('/d/own').toString();
            t.true(error ? text === 'old' || text === 'the new' : text === 'the new', `${nth}: ${text}`);
            t.is(files.get('/d/other').toString(), 'other');
            if (error)
                t.is(error.path, '/d/own');
            // the name of a temporary file whose open failed although it was done is nobody's to remove
            const lied = fault.after === true && nth === 2;
            t.is(files.size, lied ? 3 : 2, `${nth}: ${[...files.keys()]}`);
            t.deepEqual(disk.openHandles(), []);
            if (disk.calls < nth)
                break;
        }
    }
});
test('a disk that is full says so, and keeps the old content', async (t) => {
    const disk = new MemoryDisk({ capacity: 8 });
    disk.put('/own', 'old');
    await t.throwsAsync(durableReplace(disk, '/own', 'too long'), { code: 'ERR_DISK_FULL' });
    t.deepEqual([...disk.snapshot()].map(String), ['/own,old']);
});
test('on the real disk it is the same, also through a handle', async (t) => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-replace-')));
    try {
        const tree = await Tree.open(folder);
        const d = await tree.directory('');
        await durableReplace(nodeFileSystem, d.at('a'), 'one');
        await durableReplace(nodeFileSystem, d.at('a'), 'two');
        symlinkSync(folder, join(folder, 'link'));
        await durableReplace(nodeFileSystem, join(folder, 'link', 'b'), '');
        t.is(readFileSync(join(folder, 'a'), 'utf8'), 'two');
        t.deepEqual(readdirSync(folder).sort(), ['a', 'b', 'link']);
        if (process.platform !== 'win32')
            t.is(statSync(join(folder, 'a')).mode & 0o777, 0o600);
        await t.throwsAsync(durableReplace(nodeFileSystem, join(folder, 'none/x'), ''), { code: 'ERR_WRITE' });
        d.release();
        await tree.close();
    }
    finally {
        rmSync(folder, { recursive: true });
    }
});
//# sourceMappingURL=durable-replace.test.js.map