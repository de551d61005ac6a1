import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
const PEER = fileURLToPath(new URL('peer.js', import.meta.url));
/** Runs a transfer between two processes over a TCP connection on loopback. */
export async function runPair({ profiles, delay, ...job }) {
    const start = (role) => {
        const execArgv = profiles
            ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${role}.cpuprofile`]
            : [];
        return fork(PEER, [JSON.stringify({ ...job, role, delay })], { execArgv });
    };
    const children = [start('receive'), start('send')];
    try {
        const failed = Promise.race(children.map(failure));
        const [receiver] = await Promise.race([
            Promise.all(children.map((child) => report(child, 'ready'))),
            failed,
        ]);
        const done = Promise.all(children.map((child) => report(child, 'done')));
        const began = performance.now();
        for (const child of children)
            child.send({ kind: 'go', port: receiver.port });
        const [receive, send] = await Promise.race([done, failed]);
        const wall = (performance.now() - began) / 1000;
        await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
        return {
            wall,
            send: send.usage,
            receive: receive.usage,
            ...(send.delay && receive.delay ? { delays: { send: send.delay, receive: receive.delay } } : {}),
        };
    }
    finally {
        for (const child of children)
            child.kill();
    }
}
function report(child, kind) {
    return new Promise((resolve) => {
        child.on('message', (message) => {
            if (message.kind === kind)
                resolve(message);
        });
    });
}
/** Rejects if the child ends with an error; stays open otherwise. */
function failure(child) {
    return new Promise((_, reject) => {
        child.on('error', reject);
        child.on('exit', (code, signal) => {
            if (code !== 0)
                reject(new Error(`a process of the benchmark ended with ${signal ?? code}`));
        });
    });
}
//# sourceMappingURL=pair.js.map