import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
/** `tar-fs` at both ends, nothing between: no digest, no answer. */
async function tar() {
    const { pack, extract } = await import('tar-fs');
    return {
        send: async (socket, source) => {
            await pipeline(pack(source), socket);
        },
        receive: async (socket, target, name) => {
            await pipeline(socket, extract(join(target, name)));
        },
    };
}
/**
 * Sluice as a server uses it, or (`blocking`) as its own command does: with the synchronous calls of the disk.
 * @param writeDelay milliseconds that each write at the receiver takes longer
 */
async function sluice(algorithm, { blocking = false, writeDelay = 0 } = {}) {
    const { send, receive } = await import('../../lib/index.js');
    const { blockingFileSystem, nodeFileSystem } = await import('../../lib/files/fs.js');
    const fs = blocking ? blockingFileSystem : nodeFileSystem;
    return {
        send: async (socket, source) => {
            await send(socket, [source], { algorithm, fs }).finished;
        },
        receive: async (socket, dir) => {
            await receive(socket, { dir, accept: 'all', fs: writeDelay ? slowDisk(fs, writeDelay) : fs }).finished;
        },
    };
}
/** A disk on which each write takes `delay` milliseconds longer. */
function slowDisk(fs, delay) {
    return {
        ...fs,
        write: async (fd, buffers, position) => {
            await wait(delay);
            return fs.write(fd, buffers, position);
        },
    };
}
export const PROGRAMS = {
    tar,
    sha256: () => sluice('sha256'),
    blake3: () => sluice('blake3'),
    'blake3, blocking calls': () => sluice('blake3', { blocking: true }),
    'blake3, 200 ms per write': () => sluice('blake3', { writeDelay: 200 }),
};
//# sourceMappingURL=programs.js.map