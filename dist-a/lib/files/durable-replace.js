import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { moveOver } from './claim.js';
import { diskError, SystemError } from './disk-error.js';
import { OPEN, syncDirectory, writeFully } from './fs.js';
/**
 * Writes a small file so that after a crash the old content stands or the new one, never a mixture (CRASH-SAFETY.md,
 * "Durable replace"). A link at `path` is replaced, not followed. When it resolves, the content is there, with
 * 'power' after a power loss too. Fails with `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_WRITE`; then
 * the old content stands, unless only the last sync failed.
 */
export async function durableReplace(fs, path, data, { mode = 0o600, durability = 'power' } = {}) {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const above = dirname(path);
    try {
        const folder = await fs.open(above, OPEN.anyDirectory);
        try {
            const inside = (name) => fs.at(folder, name) ?? join(above, name);
            const temporary = inside(`.sluice-${randomBytes(8).toString('hex')}.tmp`);
            await writeNew(fs, temporary, bytes, { mode, durability });
            try {
                await moveOver(fs, temporary, inside(basename(path)));
            }
            catch (error) {
                await fs.unlink(temporary).catch(() => { });
                throw error;
            }
            if (durability === 'power')
                await syncDirectory(fs, folder);
        }
        finally {
            await fs.close(folder).catch(() => { });
        }
    }
    catch (error) {
        throw diskError(error, 'replace', path);
    }
}
async function writeNew(fs, path, bytes, { mode, durability }) {
    const fd = await fs.open(path, OPEN.create, 0o600);
    try {
        try {
            await writeFully(fs, fd, [bytes], 0);
            await fs.fchmod(fd, mode);
            const { size } = await fs.fstat(fd);
            if (size !== bytes.length)
                throw new SystemError('EIO', 'write', `${size} of ${bytes.length} bytes stand there`);
            // an fsync that failed is never tried again: the second one lies
            if (durability === 'power')
                await fs.fsync(fd);
        }
        catch (error) {
            await fs.close(fd).catch(() => { });
            throw error;
        }
        await fs.close(fd);
    }
    catch (error) {
        await fs.unlink(path).catch(() => { });
        throw error;
    }
}
//# sourceMappingURL=durable-replace.js.map