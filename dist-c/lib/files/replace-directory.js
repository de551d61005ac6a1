import { randomBytes } from 'node:crypto';
import { printable, SluiceError } from '../errors.js';
import { moveOver, standing } from './claim.js';
import { diskError, errorCode, SystemError } from './disk-error.js';
import { OPEN, sameInode, syncDirectory } from './fs.js';
/** What a folder that makes room is kept in: our mark, the inode of the file that replaces it, a random part. */
const ASIDE = /^\.sluice-aside-([0-9a-f]+)-[0-9a-f]{16}$/;
/**
 * Puts the file in the place of the folder `name`: the folder is moved aside, the file gets the name, and the caller
 * removes the folder once the file's name is safe. There is no call that swaps them, so that for a moment nothing has
 * the name; a crash then is repaired by {@link recoverReplaced}. Where the file cannot get the name, the folder is
 * moved back.
 */
export async function replaceDirectory(file, name, durability) {
    const { fs, directory, temporary } = file;
    const power = durability === 'power';
    const { ino } = await fs.lstat(directory.at(temporary));
    const aside = await makeAside(fs, directory, name, ino);
    const close = async () => {
        await fs.close(aside.fd).catch(() => { });
        // stays where the old folder is still inside
        await fs.rmdir(directory.at(aside.name)).catch(() => { });
    };
    const removeOld = async () => {
        try {
            await removeTree(fs, aside.inner);
        }
        catch (error) {
            return diskError(error, 'remove the replaced folder', `${aside.name}/${name}`);
        }
        return undefined;
    };
    try {
        if (power)
            await directory.sync();
        await fs.rename(directory.at(name), aside.inner);
        try {
            if (power)
                await syncDirectory(fs, aside.fd);
            // not by link: whatever takes the name in this moment may be replaced as well, if it is no folder
            await moveOver(fs, directory.at(temporary), directory.at(name));
            return { removeOld, close };
        }
        catch (error) {
            await moveBack(fs, directory, name, aside, error);
            throw error;
        }
    }
    catch (error) {
        await close();
        throw error;
    }
}
async function makeAside(fs, directory, name, ino) {
    const aside = `.sluice-aside-${ino.toString(16)}-${randomBytes(8).toString('hex')}`;
    const path = directory.at(aside);
    await fs.mkdir(path, 0o700);
    try {
        const fd = await fs.open(path, OPEN.directory);
        return { name: aside, fd, inner: fs.at(fd, name) ?? `${path}/${name}` };
    }
    catch (error) {
        await fs.rmdir(path).catch(() => { });
        throw error;
    }
}
async function moveBack(fs, directory, name, aside, cause) {
    try {
        // a rename would silently replace an empty folder
        if (await standing(fs, directory.at(name)))
            throw new Error('the name is taken again');
        await fs.rename(aside.inner, directory.at(name));
    }
    catch {
        const where = `${aside.name}/${name}`;
        const message = `${printable(name)} could not be replaced, and the folder is now at ${printable(where)}`;
        throw new SluiceError('ERR_WRITE', message, { path: where, cause });
    }
}
/** Ends what a crash left of replaced folders in `directory`. May itself be stopped at any moment and run again. */
export async function recoverReplaced(fs, directory) {
    const recovered = { restored: [], removed: [], kept: [] };
    for (const entry of await directory.list()) {
        const aside = entry.toString();
        const ino = ASIDE.exec(aside)?.[1];
        if (ino === undefined)
            continue;
        const path = directory.at(aside);
        const fd = await fs.open(path, OPEN.directory).catch(() => undefined);
        // a link or a file that is only called like that
        if (fd === undefined)
            continue;
        try {
            for (const inner of await fs.readdir(fs.at(fd, '.') ?? path)) {
                await recoverOne(fs, directory, { name: aside, fd, inner: '' }, inner.toString(), Number.parseInt(ino, 16), recovered);
            }
        }
        finally {
            await fs.close(fd);
        }
        await fs.rmdir(path).catch(() => { });
    }
    return recovered;
}
async function recoverOne(fs, directory, aside, name, ino, recovered) {
    const inner = fs.at(aside.fd, name) ?? `${directory.at(aside.name)}/${name}`;
    try {
        const there = await standing(fs, directory.at(name));
        if (there?.isFile() && there.ino === ino) {
            await removeTree(fs, inner);
            recovered.removed.push(name);
            return;
        }
        if (!there) {
            await fs.rename(inner, directory.at(name));
            await directory.sync();
            recovered.restored.push(name);
            return;
        }
    }
    catch {
        // kept, and said so
    }
    recovered.kept.push(`${aside.name}/${name}`);
}
/**
 * Removes the folder at `path` and what is in it, never through a link and never into another mounted file system.
 * Goes on after an error and throws the first one at the end, with its system code.
 */
export async function removeTree(fs, path) {
    await removeFolder(fs, path, await fs.lstat(path));
}
async function removeFolder(fs, path, seen) {
    let first;
    const fd = await fs.open(path, OPEN.directory);
    try {
        const here = await fs.fstat(fd);
        if (!sameInode(here, seen))
            throw new SystemError('EBUSY', 'rmdir', 'the folder was exchanged meanwhile');
        for (const entry of await fs.readdir(fs.at(fd, '.') ?? path)) {
            const name = entry.toString();
            const inner = fs.at(fd, name) ?? `${path}/${name}`;
            try {
                const stats = await fs.lstat(inner);
                if (!stats.isDirectory())
                    await fs.unlink(inner);
                else if (stats.dev === here.dev)
                    await removeFolder(fs, inner, stats);
            }
            catch (error) {
                if (errorCode(error) !== 'ENOENT')
                    first ??= error;
            }
        }
    }
    finally {
        await fs.close(fd).catch(() => { });
    }
    if (first !== undefined)
        throw first;
    await fs.rmdir(path);
}
//# sourceMappingURL=replace-directory.js.map