import test from 'ava';
import { ProgressMeter } from '../../lib/transfer/progress.js';
test('the rate and the time left come from the bytes of the last seconds', (t) => {
    let now = 0;
    const meter = new ProgressMeter(() => now);
    meter.totalBytes = 100_000;
    t.is(meter.snapshot().rate, 0);
    t.is(meter.snapshot().eta, null);
    for (let i = 1; i <= 100; i++) {
        meter.add(100, { path: 'a', bytes: i * 100, size: 100_000 });
        now += 100;
    }
    const { rate, eta, bytes, current } = meter.snapshot();
    t.true(Math.abs(rate - 1000) < 50, String(rate));
    t.true(Math.abs(eta - 90_000) < 5_000, String(eta));
    t.is(bytes, 10_000);
    t.deepEqual(current, { path: 'a', bytes: 10_000, size: 100_000 });
});
test('a change of speed shows after some seconds', (t) => {
    let now = 0;
    const meter = new ProgressMeter(() => now);
    const add = (length) => meter.add(length, { path: 'a', bytes: 0, size: null });
    for (let i = 0; i < 1000; i++, now += 10)
        add(10);
    for (let i = 0; i < 1000; i++, now += 10)
        add(1);
    t.true(meter.snapshot().rate < 150, String(meter.snapshot().rate));
});
test('without a total there is no time left', (t) => {
    let now = 0;
    const meter = new ProgressMeter(() => now);
    meter.totalBytes = null;
    meter.add(5, { path: 'a', bytes: 5, size: null });
    now = 1000;
    t.is(meter.snapshot().eta, null);
    t.is(meter.snapshot().totalBytes, null);
});
//# sourceMappingURL=progress.test.js.map