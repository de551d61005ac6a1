import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
const MAIN = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url));
/** The command line in a process of its own, ended with the test. */
export class Command {
    child;
    ended;
    #lines;
    #out = [];
    constructor(t, args, options = {}) {
        this.child = spawn(process.execPath, [MAIN, ...args], {
            cwd: options.cwd,
            stdio: [options.input ?? 'ignore', 'pipe', 'pipe'],
            env: { ...process.env, DEBUG: '' },
        });
        t.teardown(() => this.child.kill('SIGKILL'));
        const lines = createInterface(this.child.stdout);
        lines.on('line', (line) => this.#out.push(line));
        this.#lines = lines[Symbol.asyncIterator]();
        this.ended = Promise.all([text(this.child.stderr), once(this.child, 'close')]).then(([err, [code]]) => ({
            code: code,
            out: this.#out.join('\n'),
            err,
        }));
    }
    /** The next line of standard output. */
    async line() {
        return (await this.#lines.next()).value;
    }
}
export function run(t, ...args) {
    return new Command(t, args).ended;
}
//# sourceMappingURL=command.js.map