import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { sameTree } from './same-tree.js';
function twins() {
    const root = mkdtempSync(join(tmpdir(), 'sluice-same-'));
    for (const side of ['a', 'b']) {
        mkdirSync(join(root, side, 'inner'), { recursive: true });
        writeFileSync(join(root, side, 'inner', 'file'), Buffer.alloc(3_000_000, 7));
        symlinkSync('file', join(root, side, 'inner', 'link'));
        utimesSync(join(root, side, 'inner', 'file'), 1, 1);
        utimesSync(join(root, side, 'inner'), 1, 1);
    }
    return { root, a: join(root, 'a'), b: join(root, 'b') };
}
test('equal folders are counted and nothing is said of them', (t) => {
    const { root, a, b } = twins();
    t.teardown(() => rmSync(root, { recursive: true }));
    t.deepEqual(sameTree(a, b, { modes: true, times: true }), {
        files: 1,
        folders: 1,
        links: 1,
        bytes: 3_000_000,
        differences: [],
    });
});
test('every kind of difference is named', (t) => {
    const { root, a, b } = twins();
    t.teardown(() => rmSync(root, { recursive: true }));
    const other = Buffer.alloc(3_000_000, 7);
    other[2_500_000] = 8;
    writeFileSync(join(b, 'inner', 'file'), other);
    chmodSync(join(b, 'inner'), 0o700);
    rmSync(join(b, 'inner', 'link'));
    writeFileSync(join(b, 'inner', 'more'), '');
    t.deepEqual(sameTree(a, b).differences.sort(), [
        'inner/file: differs from byte 2500000',
        'inner/link: missing',
        'inner/more: not in the source',
    ]);
    t.regex(sameTree(a, b, { modes: true, links: 'skip' }).differences.join(), /inner: mode 700, not 755/);
    t.regex(sameTree(a, b, { times: true, links: 'skip' }).differences.join(), /inner\/file: time/);
});
//# sourceMappingURL=same-tree.test.js.map