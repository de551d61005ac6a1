// One side of a transfer, in a process of its own. The job comes as an argument, the signals by the channel of fork().
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { basename } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { meter } from './measure.js';
import { PROGRAMS } from './programs.js';
/** Milliseconds between two looks; each interval that the histogram records has it in it. */
const RESOLUTION = 1;
function delayMeter() {
    const histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
    histogram.enable();
    const late = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION);
    return () => {
        histogram.disable();
        return {
            p50: late(histogram.percentile(50)),
            p99: late(histogram.percentile(99)),
            max: late(histogram.max),
            samples: histogram.count,
        };
    };
}
const tell = (report) => new Promise((done) => process.send(report, () => done()));
async function main(job) {
    const program = await PROGRAMS[job.program]();
    let socket;
    const go = once(process, 'message');
    if (job.role === 'receive') {
        mkdirSync(job.target, { recursive: true });
        const server = createServer().listen(0, '127.0.0.1');
        const connection = once(server, 'connection');
        await once(server, 'listening');
        await tell({ kind: 'ready', port: server.address().port });
        [socket] = await connection;
        server.close();
    }
    else {
        await tell({ kind: 'ready', port: 0 });
        const [{ port }] = await go;
        socket = connect(port, '127.0.0.1');
    }
    socket.setNoDelay(true);
    const used = meter();
    const delay = job.delay ? delayMeter() : undefined;
    if (job.role === 'send')
        await program.send(socket, job.source);
    else
        await program.receive(socket, job.target, basename(job.source));
    await tell({ kind: 'done', usage: used(), delay: delay?.() });
    process.disconnect();
}
await main(JSON.parse(process.argv[2]));
//# sourceMappingURL=peer.js.map