import { pipeline } from 'node:stream/promises';
import { printable, SluiceError } from '../../errors.js';
import { blockingFileSystem } from '../../files/fs.js';
import { deframer } from '../../stages/deframer.js';
import { demuxer } from '../../stages/demuxer.js';
import { finalizer } from '../../stages/finalizer.js';
import { hashTap } from '../../stages/hash-tap.js';
import { partSink } from '../../stages/part-sink.js';
/** `sluice unpack`: reads a one-way stream from standard input. */
export async function unpackCommand(flags, { io, reporter, signal }) {
    if (io.stdin.isTTY)
        throw new SluiceError('ERR_USAGE', 'a packed stream does not come from a terminal; add < FILE');
    const { dir, durability, names, conflict, unless, links } = flags;
    const fs = blockingFileSystem;
    const onOutcome = (outcomes) => {
        for (const { path, status, name, error } of outcomes) {
            const renamed = name !== undefined && name !== path ? { name } : {};
            reporter.event({ event: 'file', path, status, ...renamed, ...(error && { code: error.code }) });
            if (error !== undefined && status === 'failed')
                reporter.note(`failed: ${printable(path)} (${error.code})`);
        }
    };
    const warn = (warning) => reporter.warn(warning);
    const last = finalizer({ conflict, unless, symlinks: links ? 'keep' : 'skip', onOutcome, warn });
    const river = [deframer(), demuxer({ names }), hashTap(), partSink({ dir, fs, durability, names }), last];
    await pipeline([io.stdin, ...river], { signal });
    const outcomes = await last.outcomes;
    const published = outcomes.filter(({ status }) => status === 'published').length;
    reporter.note(`${published} entries published, ${outcomes.length - published} there already or left out`);
}
//# sourceMappingURL=unpack.js.map