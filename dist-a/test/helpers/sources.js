import { fileSource, manifestOf, } from '../../lib/index.js';
import { MemoryDisk, randomContent } from '../../lib/testing/index.js';
export const KIB = 1024;
export async function collect(stream) {
    const items = [];
    for await (const item of stream)
        items.push(item);
    return items;
}
export async function read(fs, manifest, options = {}) {
    const items = await collect(fileSource(manifest, { fs, ...options }));
    allClosed(fs);
    return items;
}
export function allClosed(fs) {
    const open = fs.openHandles();
    if (open.length > 0)
        throw new Error(`left open: ${open.join(', ')}`);
}
export const runsOf = (items) => items.filter((item) => item.kind === 'run');
/** The content per path, whether it ended, and the failure. Checks what every run must be. */
export function filesOf(t, items) {
    const files = {};
    const of = (path) => {
        files[path] ??= { text: '', ended: false };
        return files[path];
    };
    for (const item of items) {
        if (item.kind === 'digests') {
            for (const { entry, failure, digest } of item.digests) {
                t.is(digest, undefined);
                t.false(of(entry.path).ended);
                of(entry.path).failure = failure;
            }
        }
        if (item.kind !== 'run')
            continue;
        let at = item.position;
        for (const { entry, offset, bytes, last } of item.cuts) {
            t.is(entry.start + offset, at, 'a run is contiguous');
            at += bytes.length;
            const file = of(entry.path);
            t.is(file.failure, undefined, 'nothing follows a failure');
            t.false(file.ended);
            file.text += bytes.toString('latin1');
            file.ended = last;
        }
        t.is(at - item.position, item.length);
    }
    return files;
}
export const ended = (text) => ({ text, ended: true });
export const failed = (failure, text = '') => ({ text, ended: false, failure });
/** `a` and `z` are small, `m` is small or large. */
export async function between(m) {
    const fs = new MemoryDisk({ now: () => 1000 });
    fs.put('/p/a', 'aaa');
    fs.put('/p/m', m);
    fs.put('/p/z', 'zzz');
    const around = { p: ended(''), 'p/a': ended('aaa'), 'p/z': ended('zzz') };
    return { fs, manifest: await manifestOf(['/p'], { fs }), around };
}
export const SMALL = randomContent(1000);
export const LARGE = randomContent(700 * KIB);
//# sourceMappingURL=sources.js.map