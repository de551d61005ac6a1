import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test from 'ava';
import { limitRate, systemClock, throttle } from '../../lib/index.js';
import { FakeClock, transformConformance, wireStageConformance } from '../../lib/testing/index.js';
import { conforms } from '../helpers/conforms.js';
const clock = new FakeClock({ auto: true });
const bad = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5'];
conforms('throttle', wireStageConformance(() => throttle({ rate: 10_000_000, clock }), {
    open: () => clock.pending,
    badOptions: [
        ...bad.map((rate) => () => throttle({ rate })),
        ...bad.map((rate) => () => limitRate({ rate })),
    ],
}));
const crawl = () => [Buffer.alloc(30, 1), Buffer.alloc(3, 2)];
conforms('one byte per second', transformConformance(() => limitRate({ rate: 1, clock }), {
    input: crawl,
    expected: crawl,
    many: () => Array.from({ length: 30 }, () => Buffer.alloc(100)),
    bound: 102,
    open: () => clock.pending,
}));
for (const rate of [1, 100, 12_345, 1_000_000, 500_000_000]) {
    test(`at ${rate} bytes per second the time is that of the rate, and no second has more`, async (t) => {
        const time = new FakeClock({ auto: true });
        const size = Math.min(rate * 3, 20_000_000);
        const moments = [];
        const stage = limitRate({ rate, clock: time }).on('data', (chunk) => {
            moments.push({ at: time.now(), bytes: chunk.length });
        });
        await pipeline(Readable.from([Buffer.alloc(size)]), stage);
        const expected = (size / rate) * 1000;
        const took = moments.at(-1).at;
        t.true(took >= expected * 0.999 && took <= expected * 1.05 + 5, `${took} ms instead of ${expected}`);
        // Smooth: a twentieth of a second at a time.
        const most = Math.min(64 * 1024, Math.max(1, Math.ceil(rate / 20)));
        t.true(moments.every(({ bytes }) => bytes <= most));
    });
}
test('rest does not save up for a burst', async (t) => {
    const time = new FakeClock();
    const stage = limitRate({ rate: 1000, clock: time });
    let came = 0;
    stage.on('data', (chunk) => {
        came += chunk.length;
    });
    time.advance(60_000);
    stage.write(Buffer.alloc(1000));
    t.true(came <= 50, `${came} at once`);
    time.advance(500);
    t.true(came <= 550 && came >= 500, `${came} after half a second`);
    stage.destroy();
    t.is(time.pending, 0);
});
test('a large chunk leaves as views, and waits while nobody reads', async (t) => {
    const time = new FakeClock();
    const stage = limitRate({ rate: 1000, clock: time });
    const chunk = Buffer.alloc(10_000);
    stage.write(chunk);
    time.advance(60_000);
    t.true(stage.readableLength <= 100);
    t.is(time.pending, 0);
    const piece = stage.read(10);
    t.is(piece.buffer, chunk.buffer);
    stage.destroy();
    await once(stage, 'close');
});
test('with the clock of the process it keeps its rate too', async (t) => {
    const start = systemClock.now();
    await pipeline(Readable.from([Buffer.alloc(2000)]), limitRate({ rate: 20_000 }).resume());
    t.true(systemClock.now() - start >= 99);
    // A timer that is cancelled does not ring.
    systemClock.after(1, () => t.fail())();
});
test('it limits both ways, each for itself, and tells the session its rate', (t) => {
    const stage = throttle({ rate: 1000 });
    t.is(stage.rate, 1000);
    t.is(stage.format, undefined);
    t.not(stage.outgoing(), stage.incoming());
});
//# sourceMappingURL=throttle.test.js.map