import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { plant, temporary } from './helpers/folders.js';
test('the demo sends a folder between two processes and compares what arrived', async (t) => {
    const folder = join(await temporary(t), 'some files');
    await plant(folder, { 'a/one': 'first', 'a/two': '', 'b c/three': Buffer.alloc(2_000_000, 3), d: null });
    symlinkSync('a', join(folder, 'link'));
    const demo = fileURLToPath(new URL('demo.js', import.meta.url));
    const child = spawn(process.execPath, [demo, folder], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [output, complaints, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'exit'),
    ]);
    t.is(code, 0, output + complaints);
    t.regex(output, /^equal: 3 files and 3 folders, 2000005 bytes in .*1 links not sent$/m);
});
//# sourceMappingURL=demo.test.js.map