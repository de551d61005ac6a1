import { SluiceError } from './errors.js';
import { demuxer } from './stages/demuxer.js';
import { finalizer } from './stages/finalizer.js';
import { hashTap } from './stages/hash-tap.js';
import { lineOf } from './stages/line.js';
import { partSink } from './stages/part-sink.js';
import { tap } from './stages/progress-tap.js';
import { Receiver } from './transfer/receiver.js';
import { DEFAULT_LIMITS } from './wire/limits.js';
import { bitmapOf } from './wire/positions.js';
/**
 * Receives what a `send` on the other side of a duplex stream offers, into the folder `dir`.
 *
 * @param socket any duplex stream of bytes; it is ended afterwards unless `keepOpen`
 * @returns at once; the transfer's `finished` resolves with one outcome per entry, or rejects with a `SluiceError`:
 * `ERR_REJECTED`, `ERR_CANCELLED`, `ERR_INTERRUPTED`, `ERR_TRUNCATED`, `ERR_TIMEOUT`, `ERR_NOT_SLUICE`,
 * `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`, `ERR_PATH`, `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`,
 * `ERR_UNSAFE_LINK`, or `ERR_FILES_FAILED` (with `outcomes`)
 * @throws SluiceError `ERR_USAGE` for an option
 */
export function receive(socket, options) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const { accept, stages } = options;
    if (accept !== 'all' && typeof accept !== 'function') {
        throw new SluiceError('ERR_USAGE', "accept: must be 'all' or a function that is asked about each offer", {
            found: accept,
        });
    }
    const { line } = lineOf({ ...options, limits });
    const river = [
        demuxer({
            limits,
            names: options.names,
            platform: options.platform,
            onOffer: (offer) => session.ask(offer),
        }),
        tap((item) => item.kind === 'run' && session.passed(item)),
        hashTap(),
        ...(stages?.file ?? []).map((make) => make()),
        partSink(options),
        finalizer({
            ...options,
            warn: (warning) => session.warn(warning),
            onOutcome: (outcomes) => session.report(outcomes),
        }),
    ];
    const session = new Receiver(socket, line, { river, decide: (offer) => decide(offer, accept) }, { ...options, limits });
    return session.transfer;
}
async function decide(offer, accept) {
    const answer = accept === 'all' ? true : await accept(offer);
    if (typeof answer === 'boolean')
        return { accept: answer };
    const { select, ...decision } = answer;
    if (select === undefined)
        return decision;
    return { ...decision, want: bitmapOf(offer.entries.length, (index) => select(offer.entries[index])) };
}
//# sourceMappingURL=receive.js.map