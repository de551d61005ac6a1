import { SluiceError } from '../errors.js';
/** Throws `ERR_USAGE` unless the option has one of these values. */
export function checkOption(name, value, values) {
    if (values.includes(value))
        return;
    const list = values.map((one) => `'${one}'`).join(', ');
    throw new SluiceError('ERR_USAGE', `${name} must be one of ${list}`, { expected: values, found: value });
}
/** Throws `ERR_USAGE` unless the option is a whole number from 1. */
export function checkCount(name, value) {
    if (Number.isSafeInteger(value) && value >= 1)
        return;
    throw new SluiceError('ERR_USAGE', `${name} must be a whole number from 1`, { found: value });
}
//# sourceMappingURL=options.js.map