import { SluiceError } from '../../errors.js';
import { blockingFileSystem } from '../../files/fs.js';
import { receive } from '../../receive.js';
import { confirmOffer, describeOffer } from '../ask.js';
import { connectTo, listenAt } from '../connection.js';
import { asSluiceError } from '../exit.js';
/** Connections that have not offered anything yet; when there are more, the oldest of them has to go. */
const MOST_SILENT = 64;
/** `sluice receive`: connects to ADDRESS for one transfer, or listens. */
export async function receiveCommand(address, flags, context) {
    const { reporter, signal } = context;
    if (address !== undefined && flags.listen !== undefined) {
        throw new SluiceError('ERR_USAGE', 'either an address to connect to or --listen, not both');
    }
    if (address !== undefined) {
        const transfer = receive(await connectTo(address), optionsOf(flags, context));
        reporter.watch(transfer);
        return reporter.completed(await transfer.finished);
    }
    const { server, address: here } = await listenAt(flags.listen ?? '127.0.0.1:0');
    reporter.result({ event: 'listening', address: here }, here);
    try {
        await serve(server, flags, context);
    }
    finally {
        server.close();
    }
    if (signal.aborted)
        throw new SluiceError('ERR_CANCELLED', 'stopped by the user');
}
/** Takes transfers until the user stops it, or with `--once` until the first that was offered has ended. */
function serve(server, flags, context) {
    const { reporter, signal } = context;
    const running = new Set();
    const silent = new Map();
    return new Promise((resolve, reject) => {
        let taken = null;
        const stop = () => {
            server.close();
            if (running.size === 0)
                resolve();
        };
        signal.addEventListener('abort', stop);
        if (signal.aborted)
            stop();
        server.on('connection', (socket) => {
            if (taken !== null)
                return void socket.destroy();
            const transfer = receive(socket, optionsOf(flags, context));
            running.add(transfer);
            silent.set(socket, transfer);
            const [oldest] = silent.keys();
            if (silent.size > MOST_SILENT)
                oldest.destroy();
            transfer.once('state', () => {
                silent.delete(socket);
                if (transfer.state !== 'offered')
                    return;
                if (flags.once) {
                    taken ??= transfer;
                    server.close();
                }
                reporter.watch(transfer);
            });
            transfer.finished
                .then((result) => {
                reporter.completed(result);
                return null;
            }, (error) => error)
                .then((error) => {
                running.delete(transfer);
                silent.delete(socket);
                if (transfer === taken)
                    return error === null ? resolve() : reject(error);
                if (error !== null && !signal.aborted)
                    reporter.warn(error);
                if (signal.aborted && running.size === 0)
                    resolve();
            });
        });
    });
}
function optionsOf(flags, context) {
    const { conflict, unless, durability, names, dir } = flags;
    return {
        dir,
        conflict,
        unless,
        durability,
        names,
        symlinks: flags.links ? 'keep' : 'skip',
        fs: blockingFileSystem,
        signal: context.signal,
        accept: (offer) => ask(offer, flags, context),
    };
}
/** One question at a time. */
let asking = Promise.resolve();
async function ask(offer, flags, { io, reporter, signal }) {
    const { id, name, entries, bytes } = offer;
    reporter.event({ event: 'offer', id, name, entries: entries.length, bytes });
    const free = await freeAt(flags.dir);
    for (const line of describeOffer(offer, free))
        reporter.note(line);
    if (flags.yes)
        return true;
    if (!io.stdin.isTTY || !io.stderr.isTTY) {
        return { accept: false, reason: 'nobody is there to be asked; the receiver has to be started with --yes' };
    }
    const answer = asking.then(() => confirmOffer(io, signal));
    asking = answer;
    return { accept: await answer, reason: 'the receiver said no' };
}
/** Free bytes where the folder is or will be. */
async function freeAt(dir) {
    for (const path of [dir, '.']) {
        try {
            return await blockingFileSystem.free(path);
        }
        catch (error) {
            if (asSluiceError(error).code === 'ERR_USAGE')
                return null;
        }
    }
    return null;
}
//# sourceMappingURL=receive.js.map