import test from 'ava';
import { piecesOf, randomContent } from '../../lib/testing/index.js';
/** Milliseconds for what never comes. */
export const patience = 5000;
export const small = () => piecesOf(Buffer.from('a small input that is cut and split'), 9);
export const large = () => piecesOf(randomContent(3 * 1024 * 1024), 64 * 1024);
/** A suite says what a broken stage lacks: this one case of it fails, with a message that matches. */
export function refuted(what, cases, name, message) {
    test(`${what} is found out`, async (t) => {
        const found = cases().filter((one) => one.name.includes(name));
        t.is(found.length, 1, `one case '${name}'`);
        const error = await t.throwsAsync(found[0].run);
        t.regex(String(error), message);
    });
}
//# sourceMappingURL=refuted.js.map