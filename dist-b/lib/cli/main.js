#!/usr/bin/env node
import { main } from './program.js';
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => {
        // The first time the peer is told and what is open is closed; who cannot wait says it again.
        if (stop.signal.aborted)
            process.exit(130);
        stop.abort(new Error('stopped by the user'));
    });
}
// A reader that goes away is noticed where something is written; without a listener it would end the process.
process.stdout.on('error', () => { });
process.exitCode = await main(process.argv.slice(2), process, stop.signal);
//# sourceMappingURL=main.js.map