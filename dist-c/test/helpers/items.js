import { createHash } from 'node:crypto';
import { makeOffer } from '../../lib/wire/manifest.js';
/** A transfer with files, folders, empty ones and one that spans several runs. */
export const SMALL = {
    docs: null,
    'docs/empty': Buffer.alloc(0),
    'docs/a': Buffer.from('hello'),
    'docs/nothing': null,
    'docs/b': Buffer.alloc(1000, 'b'),
    'last empty': Buffer.alloc(0),
    c: Buffer.alloc(1700, 'cde'),
    z: null,
};
export function offerOf(content) {
    const entries = Object.entries(content).map(([path, bytes]) => ({
        type: bytes === null ? 'directory' : 'file',
        path,
        size: bytes?.length ?? 0,
        mtime: 1_600_000_000_123,
        mode: bytes === null ? 0o755 : 0o640,
    }));
    return makeOffer({ id: '0123456789abcdef0123456789abcdef', name: 'small', algorithm: 'sha256' }, entries);
}
/** The items of a whole transfer: the offer, and runs of `run` bytes with digests on their last cuts. */
export function itemsOf(content, run = 600) {
    const offer = offerOf(content);
    const items = [{ kind: 'offer', offer }];
    let cuts = [];
    let length = 0;
    let position = 0;
    const close = () => {
        if (cuts.length > 0)
            items.push({ kind: 'run', position, length, cuts });
        position += length;
        cuts = [];
        length = 0;
    };
    for (const entry of offer.entries) {
        const all = content[entry.path] ?? Buffer.alloc(0);
        let offset = 0;
        do {
            const bytes = all.subarray(offset, offset + run - length);
            const last = offset + bytes.length === all.length;
            const digest = last && entry.type === 'file' ? { digest: createHash('sha256').update(all).digest() } : {};
            cuts.push({ entry, offset, bytes, last, ...digest });
            offset += bytes.length;
            length += bytes.length;
            if (length === run)
                close();
        } while (offset < all.length);
    }
    close();
    return items;
}
/** What items amount to: the content per path, whether it ended, and what the sender said of it. */
export function amount(items) {
    const files = new Map();
    const of = (path) => {
        const known = files.get(path) ?? { content: '', ended: false, said: '' };
        files.set(path, known);
        return known;
    };
    for (const item of items) {
        if (item.kind === 'run') {
            for (const { entry, bytes, last } of item.cuts) {
                const file = of(entry.path);
                if (file.ended)
                    throw new Error(`${entry.path} goes on after its end`);
                file.content += bytes.toString('latin1');
                file.ended = last;
            }
        }
        if (item.kind === 'digests') {
            for (const { entry, digest, failure } of item.digests)
                of(entry.path).said = failure ?? digest.toString('hex');
        }
    }
    return Object.fromEntries(files);
}
/** What {@link amount} gives of a transfer that arrived whole. */
export function expected(content) {
    return Object.fromEntries(Object.entries(content).map(([path, bytes]) => [
        path,
        {
            content: bytes?.toString('latin1') ?? '',
            ended: true,
            said: bytes === null ? '' : createHash('sha256').update(bytes).digest('hex'),
        },
    ]));
}
//# sourceMappingURL=items.js.map