import { SluiceError } from '../errors.js';
import { deframer } from './deframer.js';
import { framer } from './framer.js';
/** Frames on a throttled line take at most this part of a second, so that talk is not behind by more than one. */
const FRAMES_PER_SECOND = 8;
/** The stages next to a socket, for either direction: framer and deframer, with the wire stages between. */
export function lineOf({ stages, keepOpen = false, limits }) {
    const wire = stages?.wire ?? [];
    if (keepOpen && wire.length > 0) {
        throw new SluiceError('ERR_USAGE', 'keepOpen cannot be used with wire stages: where their bytes end is not known');
    }
    const rate = Math.min(...wire.map((stage) => stage.rate ?? Number.POSITIVE_INFINITY));
    const maxFrame = Math.max(1, Math.min(limits.frame, Math.floor(rate / FRAMES_PER_SECOND)));
    const line = {
        framer: framer({ maxFrame }),
        deframer: (onTalk) => deframer({ limits, onTalk }),
        outgoing: wire.flatMap((stage) => stage.outgoing?.() ?? []),
        incoming: wire.flatMap((stage) => stage.incoming?.() ?? []).reverse(),
        formats: wire.flatMap((stage) => stage.format ?? []),
    };
    return { line, maxFrame };
}
//# sourceMappingURL=line.js.map