import { Readable } from 'node:stream';
import { SluiceError } from '../errors.js';
import { piecesOf, randomContent } from './splits.js';
import { transformConformance } from './transform-conformance.js';
const CHUNK = 64 * 1024;
/**
 * The properties of both sides of a wire stage, and that the one undoes the other. `make` is called for each
 * side anew, as it is on two machines. Throws `ERR_USAGE` unless the stage has both sides.
 */
export function wireStageConformance(make, options = {}) {
    const { truncated, many = 8 * 1024 * 1024, ...rest } = options;
    const input = options.input ?? (() => piecesOf(randomContent(40), 11));
    const sample = make();
    if (!sample.outgoing || !sample.incoming) {
        throw new SluiceError('ERR_USAGE', 'a wire stage needs both sides to be tested against itself');
    }
    const outgoing = () => make().outgoing();
    const incoming = () => make().incoming();
    const large = () => piecesOf(randomContent(many), CHUNK);
    const made = async (chunks) => Readable.from(chunks).pipe(outgoing()).toArray();
    return [
        ...named('outgoing', transformConformance(outgoing, { ...rest, input, inverse: incoming, many: large })),
        ...named('incoming', transformConformance(incoming, {
            ...rest,
            badOptions: [],
            input: () => made(input()),
            expected: input,
            many: () => Readable.from(large()).pipe(outgoing()),
            truncated: truncated && { codes: truncated },
        })),
        ...named('outgoing, with nothing to send', transformConformance(outgoing, {
            ...rest,
            badOptions: [],
            input: () => [],
            inverse: incoming,
            many: large,
        }).filter(({ name }) => name.startsWith('it makes of the input'))),
    ];
}
function named(side, cases) {
    return cases.map(({ name, run }) => ({ name: `${side}: ${name}`, run }));
}
//# sourceMappingURL=wire-conformance.js.map