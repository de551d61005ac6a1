import { printable, SluiceError } from '../errors.js';
import { syncDirectory } from './fs.js';
import { checkName } from './one-name.js';
/** A folder that is open, with those who use it. */
export class Handle {
    path;
    fd;
    users = 0;
    /** The sync that runs, and the one that waits for it. */
    running;
    waiting;
    constructor(path, fd) {
        this.path = path;
        this.fd = fd;
    }
}
/** One user's hold on a handle. */
export class Lease {
    #tree;
    #handle;
    #leave;
    #released = false;
    constructor(tree, handle, leave) {
        this.#tree = tree;
        this.#handle = handle;
        this.#leave = leave;
    }
    get path() {
        return this.#handle.path;
    }
    get fd() {
        // its number may belong to another file by now
        if (this.#released)
            throw new SluiceError('ERR_STATE', `the folder ${printable(this.path)} was released`);
        return this.#handle.fd;
    }
    at(name) {
        checkName(name, this.#tree.fs.platform, name);
        return pathIn(this.#tree, this, name);
    }
    list() {
        return this.#tree.fs.readdir(pathIn(this.#tree, this, '.'));
    }
    async sync() {
        const handle = this.#handle;
        const { fd } = this;
        hold(handle);
        // the sync that runs may have begun before the caller's change: only the next one covers it
        handle.waiting ??= (handle.running ?? Promise.resolve())
            .catch(() => { })
            .then(() => {
            handle.running = handle.waiting;
            handle.waiting = undefined;
            return syncDirectory(this.#tree.fs, fd);
        });
        try {
            await handle.waiting;
        }
        finally {
            this.#leave(handle);
        }
    }
    release() {
        if (this.#released)
            return;
        this.#released = true;
        this.#leave(this.#handle);
    }
}
/** The path of `name` in an open folder of the tree. */
export function pathIn({ fs, root }, folder, name) {
    const anchored = fs.at(folder.fd, name);
    if (anchored !== null)
        return anchored;
    const top = root.endsWith('/') ? root : `${root}/`;
    return top + (folder.path === '' ? name : `${folder.path}/${name}`);
}
/** Counts one more user. */
export function hold(handle) {
    handle.users++;
    return handle;
}
//# sourceMappingURL=directory.js.map