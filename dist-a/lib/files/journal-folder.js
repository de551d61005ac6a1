import { SluiceError } from '../errors.js';
import { diskError, errorCode } from './disk-error.js';
import { OPEN } from './fs.js';
import { isJournalName, journalName } from './journal-names.js';
import { foldName } from './names.js';
/** Our folder has one of these names, the first that is free or ours. */
export const JOURNAL_FOLDERS = ['.sluice', '.sluice_1', '.sluice_2', '.sluice_3', '.sluice_4'];
const MOST_TRIES = 16;
/** Makes the file of a new journal, and our folder around it. */
export async function openNew(tree, transfer, isTaken) {
    for (const folderName of JOURNAL_FOLDERS) {
        if (isTaken(foldName(folderName)))
            continue;
        for (let tries = 1;; tries++) {
            const folder = await ownFolder(tree, folderName);
            if (!folder)
                break;
            try {
                return { folder, ...(await createFile(tree, folder, transfer)) };
            }
            catch (error) {
                await removeFolder(tree, folder);
                // the last journal in it went meanwhile, and the folder with it
                if (errorCode(error) === 'ENOENT' && tries < MOST_TRIES)
                    continue;
                throw diskError(error, 'make the journal in', folderName);
            }
        }
    }
    const message = `every name for the journal's folder is taken (${JOURNAL_FOLDERS.join(', ')}); move one away`;
    throw new SluiceError('ERR_WRITE', message, { path: JOURNAL_FOLDERS[0] });
}
async function createFile(tree, folder, transfer) {
    for (let n = 0;; n++) {
        const name = journalName(transfer, n);
        try {
            return { name, fd: await tree.fs.open(folder.at(name), OPEN.create, 0o600) };
        }
        catch (error) {
            if (errorCode(error) !== 'EEXIST')
                throw error;
        }
    }
}
/** Makes or enters the folder; undefined where something else has its name. */
async function ownFolder(tree, name) {
    try {
        const made = await tree.makeDirectory(name, 0o700);
        const folder = await tree.directory(name);
        if (made === 'created' || (await isOwn(tree, folder)))
            return folder;
        folder.release();
        return undefined;
    }
    catch (error) {
        const cause = errorCode(error.cause);
        if (error.code === 'ERR_UNSAFE_LINK' || cause === 'EEXIST' || cause === 'ENOTDIR')
            return undefined;
        throw error;
    }
}
/** Whether a standing folder is one of ours: nobody else may look into it, and there is nothing else inside. */
export async function isOwn(tree, folder) {
    const { mode } = await tree.fs.fstat(folder.fd);
    if (tree.fs.platform !== 'win32' && (mode & 0o077) !== 0)
        return false;
    return (await folder.list()).every((name) => isJournalName(name.toString()));
}
/** Removes our folder if nothing is in it any more, and gives it back. */
export async function removeFolder(tree, folder) {
    const { path } = folder;
    folder.release();
    const root = await tree.directory('');
    try {
        await tree.fs.rmdir(root.at(path));
    }
    catch {
        // another transfer has its journal there
    }
    finally {
        root.release();
    }
}
//# sourceMappingURL=journal-folder.js.map