import { printable, SluiceError } from '../errors.js';
const UNITS = { '': 1, k: 1e3, m: 1e6, g: 1e9, ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30 };
/**
 * Bytes per second of a text as 500k, 10M or 2MiB.
 * @throws SluiceError `ERR_USAGE`
 */
export function parseRate(text) {
    const match = /^(\d+(?:\.\d+)?)([kmg]?i?)b?(?:\/s)?$/i.exec(text);
    const rate = Math.floor(Number(match?.[1]) * (UNITS[(match?.[2] ?? '-').toLowerCase()] ?? Number.NaN));
    if (rate >= 1)
        return rate;
    throw new SluiceError('ERR_USAGE', `${printable(text, 50)} is not a rate; write bytes per second, as 500k or 10M`);
}
//# sourceMappingURL=rate.js.map