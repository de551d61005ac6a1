import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import test from 'ava';
import { fileSource, hashTap, manifestFrom } from '../../lib/index.js';
import { piecesOf, randomContent } from '../../lib/testing/index.js';
import { collect, ended, failed, filesOf, runsOf } from '../helpers/sources.js';
test('a stream of unknown size comes in runs and ends with an empty last cut', async (t) => {
    const content = randomContent(5000);
    for (const pieces of [piecesOf(content, 1), piecesOf(content, 2000), [content], []]) {
        const manifest = manifestFrom(Readable.from(pieces), { name: 'x' });
        const items = await collect(fileSource(manifest, { maxRun: 700 }).pipe(hashTap()));
        const bytes = Buffer.concat(pieces);
        t.deepEqual(filesOf(t, items), { x: ended(bytes.toString('latin1')) });
        const last = runsOf(items).at(-1);
        t.like(last, { position: bytes.length, length: 0 });
        t.is(last.cuts[0].digest.length, 32);
        t.true(runsOf(items).every(({ length }) => length <= 700));
    }
});
test('a stream may give text and arrays of bytes; one that gives objects fails', async (t) => {
    const given = (chunks) => manifestFrom(Readable.from(chunks, { objectMode: true }), { name: 'x' });
    const good = await collect(fileSource(given(['tex', 't ', new Uint8Array([0x62, 0x79])])));
    t.deepEqual(filesOf(t, good), { x: ended('text by') });
    t.deepEqual(filesOf(t, await collect(fileSource(given(['a', { b: 1 }])))), {
        x: failed('ERR_SOURCE_READ', 'a'),
    });
});
test('a stream that fails, is cut off, or was read before fails the file', async (t) => {
    const failing = async (stream, text = '') => {
        const errors = [];
        const source = fileSource(manifestFrom(stream, { name: 'x' }), {
            onFailure: (error) => errors.push(error),
        });
        t.deepEqual(filesOf(t, await collect(source)), { x: failed('ERR_SOURCE_READ', text) });
        return errors[0];
    };
    const boom = new Error('boom');
    async function* broken() {
        yield Buffer.from('begun');
        throw boom;
    }
    t.is((await failing(Readable.from(broken()), 'begun')).cause, boom);
    const early = new PassThrough();
    early.destroy(boom);
    await once(early, 'close').catch(() => { });
    t.is((await failing(early)).cause, boom);
    const cut = new PassThrough();
    cut.destroy();
    await failing(cut);
    const read = Readable.from(['x']);
    await collect(read);
    await failing(read);
});
test('a stream is not read ahead of who reads', async (t) => {
    let given = 0;
    const endless = new Readable({
        highWaterMark: 1,
        read() {
            given++;
            this.push(Buffer.alloc(1000));
        },
    });
    const source = fileSource(manifestFrom(endless, { name: 'x' }));
    await once(source, 'readable');
    for (let i = 0; i < 50; i++)
        await new Promise((resolve) => setImmediate(resolve));
    t.true(given <= 5, `${given} chunks were read`);
    source.destroy();
    await once(source, 'close');
    t.true(endless.destroyed);
});
test('destroying the source ends one that waits for its stream, and tells no failure', async (t) => {
    const silent = new PassThrough();
    const failures = [];
    const source = fileSource(manifestFrom(silent, { name: 'x' }), {
        onFailure: (error) => failures.push(error),
    });
    const boom = new Error('boom');
    t.is((await once(source.resume(), 'data'))[0].kind, 'offer');
    await new Promise((resolve) => setImmediate(resolve));
    source.destroy(boom);
    t.is(await t.throwsAsync(once(source, 'close')), boom);
    if (!source.closed)
        await once(source, 'close');
    t.true(silent.destroyed);
    t.deepEqual(failures, []);
});
test('a stream that nobody wants stays with its owner', async (t) => {
    const stream = Readable.from(['x']);
    const items = await collect(fileSource(manifestFrom(stream, { name: 'x' }), { wanted: Buffer.alloc(1) }));
    t.is(items.length, 1);
    t.false(stream.destroyed);
    stream.destroy();
});
//# sourceMappingURL=file-source-stream.test.js.map