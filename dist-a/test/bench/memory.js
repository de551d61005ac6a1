import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { sameTree } from '../helpers/same-tree.js';
import { makeSmall, makeSparse } from './data.js';
import { megabytes, seconds, table } from './measure.js';
import { runPair } from './pair.js';
import { settle } from './settle.js';
const GIB = 2 ** 30;
/** Bytes of resident memory that no process may reach. */
const TARGET = 200e6;
/**
 * Moves one very large file, and very many very small ones.
 * @returns a table in Markdown: the peak of resident memory of each process
 */
export async function compareMemory(source, scratch, programs, quick, log) {
    const bytes = quick ? GIB / 2 : 4 * GIB;
    const count = quick ? 10_000 : 100_000;
    const cases = [
        { name: `a sparse file of ${bytes / GIB} GiB`, make: (folder) => makeSparse(folder, bytes) },
        {
            name: `${count} files of 0 to 199 bytes`,
            make: (folder) => makeSmall(folder, count, (i) => (i % 5 === 0 ? 0 : i % 200)),
        },
    ];
    const rows = [];
    for (const { name, make } of cases) {
        const folder = join(source, 'memory');
        make(folder);
        for (const program of programs) {
            const target = join(scratch, 'target');
            settle();
            const { wall, send, receive } = await runPair({ program, source: folder, target });
            const { differences } = sameTree(folder, join(target, basename(folder)));
            if (differences.length > 0)
                throw new Error(`${program} did not deliver the same: ${differences[0]}`);
            rmSync(target, { recursive: true });
            const peak = Math.max(send.peak, receive.peak);
            rows.push([
                `${name}, ${program}`,
                megabytes(send.peak),
                megabytes(receive.peak),
                peak < TARGET ? 'yes' : 'NO',
                seconds(wall),
            ]);
            log(`memory: ${rows.at(-1).join(', ')}`);
        }
        rmSync(folder, { recursive: true });
    }
    return table(['', 'peak memory: sender', 'receiver', `both below ${megabytes(TARGET)}`, 'wall'], rows);
}
//# sourceMappingURL=memory.js.map