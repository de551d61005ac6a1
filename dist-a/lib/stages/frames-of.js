import { SluiceError } from '../errors.js';
import { dataHeader } from '../wire/frames.js';
import { offerMessages } from '../wire/manifest.js';
import { encodeMessage } from '../wire/messages.js';
/** The frames of an item, with at most `maxFrame` bytes of data in each. */
export function* framesOf(item, maxFrame) {
    switch (item.kind) {
        case 'offer':
            for (const message of offerMessages(item.offer))
                yield [encodeMessage(message)];
            break;
        case 'run':
            yield* dataFrames(item, maxFrame);
            yield* digestFrames(item.cuts.filter((cut) => cut.last && cut.entry.type === 'file').map(digestOf));
            break;
        case 'digests':
            yield* digestFrames(item.digests);
            break;
        default:
            throw new SluiceError('ERR_STATE', `framer() cannot send an item of kind ${item.kind}`);
    }
}
function* dataFrames(run, maxFrame) {
    let position = run.position;
    let frame = [];
    let length = 0;
    for (const whole of joined(run.cuts)) {
        for (let bytes = whole; bytes.length > 0;) {
            const piece = bytes.subarray(0, maxFrame - length);
            frame.push(piece);
            length += piece.length;
            bytes = bytes.subarray(piece.length);
            if (length === maxFrame) {
                yield [dataHeader(position, length), ...frame];
                position += length;
                frame = [];
                length = 0;
            }
        }
    }
    if (length > 0)
        yield [dataHeader(position, length), ...frame];
}
/** Views that stand next to each other in one memory become one again: a write for a hundred small files. */
function joined(cuts) {
    const buffers = [];
    for (const { bytes } of cuts) {
        const last = buffers.at(-1);
        if (bytes.length === 0)
            continue;
        if (last !== undefined &&
            last.buffer === bytes.buffer &&
            last.byteOffset + last.length === bytes.byteOffset) {
            buffers[buffers.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length);
        }
        else {
            buffers.push(bytes);
        }
    }
    return buffers;
}
/** As many digests in a message as fit easily, whatever the limits of the other side. */
const DIGESTS_PER_MESSAGE = 500;
function* digestFrames(digests) {
    for (let from = 0; from < digests.length; from += DIGESTS_PER_MESSAGE) {
        const records = digests
            .slice(from, from + DIGESTS_PER_MESSAGE)
            .map(({ entry, digest, failure, size }) => ({
            index: entry.index,
            ...(digest === undefined ? { failure: failure } : { digest }),
            ...(size === undefined ? {} : { size }),
        }));
        yield [encodeMessage({ type: 'digests', digests: records })];
    }
}
function digestOf({ entry, offset, bytes, digest }) {
    if (digest === undefined) {
        throw new SluiceError('ERR_STATE', 'a file ended without a digest; put hashTap() before framer()', {
            path: entry.path,
        });
    }
    return { entry, digest, ...(entry.size === null ? { size: offset + bytes.length } : {}) };
}
//# sourceMappingURL=frames-of.js.map