import { fileSource } from './stages/file-source.js';
import { hashTap } from './stages/hash-tap.js';
import { lineOf } from './stages/line.js';
import { manifestOf } from './stages/manifest-of.js';
import { tap } from './stages/progress-tap.js';
import { Sender } from './transfer/sender.js';
import { DEFAULT_LIMITS } from './wire/limits.js';
/**
 * Sends files and folders over a duplex stream to a `receive` on its other side.
 *
 * @param socket any duplex stream of bytes; it is ended afterwards unless `keepOpen`
 * @param source paths, or a manifest from `manifestOf` or `manifestFrom`
 * @returns at once; the transfer's `finished` resolves with one outcome per entry, or rejects with a `SluiceError`:
 * `ERR_REJECTED`, `ERR_CANCELLED`, `ERR_INTERRUPTED`, `ERR_TRUNCATED`, `ERR_TIMEOUT`, `ERR_FORMATS`,
 * `ERR_FILES_FAILED` (with `outcomes`), or what the receiver reports
 * @throws SluiceError `ERR_USAGE` for an option
 */
export function send(socket, source, options = {}) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const { line, maxFrame } = lineOf({ ...options, limits });
    let manifest;
    const session = new Sender(socket, line, {
        prepare: async () => {
            manifest = 'offer' in source ? source : await manifestOf(source, options);
            return manifest;
        },
        river: (wanted, passed, warn) => [
            fileSource(manifest, { wanted, maxRun: maxFrame, fs: options.fs, onFailure: warn }),
            hashTap(),
            tap((item) => item.kind === 'run' && passed(item)),
        ],
    }, { ...options, limits });
    return session.transfer;
}
//# sourceMappingURL=send.js.map