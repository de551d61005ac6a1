import { Transform } from 'node:stream';
/** Passes on what comes. */
export const pass = (chunk, callback) => callback(null, chunk);
/** A Transform made of one function, with some of its methods replaced. */
export function transforming(transform, rest = {}) {
    const stage = new Transform({
        transform(chunk, _encoding, callback) {
            transform.call(this, chunk, callback);
        },
    });
    return Object.assign(stage, rest);
}
//# sourceMappingURL=transforming.js.map