import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
/** A temporary folder that is removed when the test ends. */
export async function temporary(t) {
    const dir = await mkdtemp(join(tmpdir(), 'sluice-test-'));
    t.teardown(() => rm(dir, { recursive: true, force: true }));
    return dir;
}
/** Writes a tree: text or bytes are files, `null` is an empty folder. Times are set to whole seconds of the past. */
export async function plant(root, tree) {
    for (const [path, content] of Object.entries(tree)) {
        const full = join(root, path);
        await mkdir(content === null ? full : dirname(full), { recursive: true });
        if (content === null)
            continue;
        await writeFile(full, content);
        await utimes(full, 1_600_000_000, 1_600_000_000 + content.length);
    }
    return root;
}
/** What stands under a folder: per path its kind, mode, and for files size, time and digest. */
export async function listing(root, { times = true } = {}) {
    const found = {};
    const walk = async (path) => {
        const full = join(root, path);
        const stats = await lstat(full);
        const mode = (stats.mode & 0o777).toString(8);
        if (stats.isSymbolicLink())
            found[path] = `link ${await readlink(full)}`;
        else if (stats.isDirectory()) {
            if (path !== '')
                found[path] = `folder ${mode}`;
            for (const name of await readdir(full))
                await walk(path === '' ? name : `${path}/${name}`);
        }
        else {
            const digest = createHash('sha256')
                .update(await readFile(full))
                .digest('hex');
            found[path] =
                `file ${mode} ${stats.size} ${times ? Math.floor(stats.mtimeMs) : ''} ${digest.slice(0, 16)}`;
        }
    };
    await walk('');
    return found;
}
//# sourceMappingURL=folders.js.map