import { constants } from 'node:fs';
import { Inode, systemError } from './memory-inode.js';
import { Names } from './memory-names.js';
import { Unsynced } from './unsynced.js';
/** The bits of the flags of `open` that say how. */
export const ACCESS = constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR;
/** What a {@link MemoryDisk} holds, without the calls: names, content, open files, and what a test does to them. */
export class MemoryStore {
    /** Bytes of content that it can hold; may be changed. */
    capacity;
    options;
    files = new Map();
    names;
    taken = 0;
    /** With `crashes`. */
    unsynced;
    #nextIno = 2;
    /** @param root what is on it already */
    constructor(options = {}, root) {
        this.options = options;
        this.capacity = options.capacity ?? Number.POSITIVE_INFINITY;
        const top = root ?? new Inode(1, 'directory', 0o755, this.now());
        top.nlink = 1;
        this.names = new Names(top, options.fold ?? ((name) => name), (fd) => this.files.get(fd)?.inode);
        const inodes = new Set([...this.names.all()].map(([, inode]) => inode));
        for (const { ino, size } of inodes) {
            this.taken += size;
            this.#nextIno = Math.max(this.#nextIno, ino + 1);
        }
        this.unsynced = options.crashes ? new Unsynced() : undefined;
        this.syncAll();
    }
    /** Makes everything that is there last, as the command `sync` does: for what was there before the test. */
    syncAll() {
        this.unsynced?.syncAll([this.names.root, ...[...this.names.all()].map(([, inode]) => inode)]);
    }
    /** The paths of the handles that are open: of a leak, after everything was closed. */
    openHandles() {
        return [...this.files.values()].map(({ path }) => path);
    }
    /** The bytes of content on it. */
    get used() {
        return this.taken;
    }
    /** Every file with its content, by path. */
    snapshot() {
        const files = new Map();
        for (const [path, inode] of this.names.all())
            if (inode.kind === 'file')
                files.set(path, inode.content());
        return files;
    }
    /** Every path, sorted: folders with a slash at the end, links with their target, pipes with a bar. */
    list() {
        const marks = {
            file: () => '',
            directory: () => '/',
            pipe: () => '|',
            symlink: (i) => ` -> ${i.target}`,
        };
        return [...this.names.all()].map(([path, inode]) => path + marks[inode.kind](inode)).sort();
    }
    /** Puts a file there, with the folders above it: what the user had before, or does meanwhile. Counts as no call. */
    put(path, content = '', mode = 0o644) {
        const inode = this.place(path, 'file', mode);
        inode.write(Buffer.from(content), 0);
        this.unsynced?.wrote(inode, 0, inode.size);
        this.taken += inode.size;
    }
    /** Puts a folder there, with those above it, unless it is there. */
    putFolder(path) {
        if (path !== '' && !this.#stands(path))
            this.place(path, 'directory', 0o755);
    }
    /** Puts a symbolic link there, in the place of whatever is. */
    putLink(path, target) {
        this.place(path, 'symlink', 0o777).target = target;
    }
    /** Puts a named pipe there. */
    putPipe(path) {
        this.place(path, 'pipe', 0o644);
    }
    /** Takes away what is there, a folder with all in it. */
    remove(path) {
        const found = this.names.find('remove', path, false);
        if (found.inode)
            this.detach(found);
    }
    /** Renames as another process would. */
    move(from, to) {
        const { inode } = this.names.find('move', from, false);
        if (!inode)
            throw systemError('ENOENT', 'move', from);
        this.remove(to);
        this.moveEntry(this.names.find('move', from, false), inode, this.names.find('move', to, false));
    }
    now() {
        return this.options.now?.() ?? Date.now();
    }
    get umask() {
        return this.options.umask ?? 0o022;
    }
    /** The open file; for a call with a position also whether it can have one, and is not open in the way `unfit`. */
    file(call, fd, unfit) {
        const file = this.files.get(fd);
        if (!file)
            throw systemError('EBADF', call);
        if (unfit !== undefined && file.inode.kind === 'pipe')
            throw systemError('ESPIPE', call);
        if ((file.flags & ACCESS) === unfit)
            throw systemError('EBADF', call);
        return file;
    }
    drop(fd) {
        const { inode } = this.file('close', fd);
        this.files.delete(fd);
        inode.opens--;
        this.collect(inode);
    }
    /** What `open` says of something that stands there. */
    admit(inode, flags, path) {
        const has = (flag) => (flags & flag) !== 0;
        const fail = (code) => systemError(code, 'open', path);
        const writing = (flags & ACCESS) !== constants.O_RDONLY;
        if (has(constants.O_CREAT) && has(constants.O_EXCL))
            throw fail('EEXIST');
        if (inode.kind === 'symlink')
            throw fail(has(constants.O_DIRECTORY) ? 'ENOTDIR' : 'ELOOP');
        if (inode.kind === 'directory') {
            if (writing || has(constants.O_CREAT))
                throw fail('EISDIR');
        }
        else if (has(constants.O_DIRECTORY))
            throw fail('ENOTDIR');
        if (inode.kind !== 'pipe')
            return;
        // a real disk would not answer at all
        if (!has(constants.O_NONBLOCK))
            throw fail('EDEADLK');
        const isRead = [...this.files.values()].some((file) => file.inode === inode && (file.flags & ACCESS) !== constants.O_WRONLY);
        if ((flags & ACCESS) === constants.O_WRONLY && !isRead)
            throw fail('ENXIO');
    }
    resize(inode, length) {
        this.taken += length - inode.size;
        inode.truncate(length);
        this.unsynced?.truncated(inode, length);
        inode.mtimeMs = inode.ctimeMs = this.now();
    }
    make(found, kind, mode) {
        const inode = new Inode(this.#nextIno++, kind, mode, this.now());
        this.attach(found, inode);
        return inode;
    }
    attach(found, inode) {
        this.#noted(this.names.attach(found, inode, this.now()));
    }
    detach(found) {
        this.#noted(this.names.detach(found, this.now()));
        if (found.inode)
            this.collect(found.inode);
    }
    moveEntry(from, inode, to) {
        if (to.folder.nlink === 0)
            throw systemError('ENOENT', 'rename', to.name);
        this.#noted(this.names.detach(from, this.now()));
        this.#noted(this.names.attach(to, inode, this.now()));
    }
    /** Gives back the room of what has neither a name nor a handle. */
    collect(inode) {
        if (inode.kind === 'directory') {
            if (inode.nlink === 0)
                for (const [key, { name, inode: inner }] of inode.entries)
                    this.detach({ folder: inode, key, name, inode: inner });
        }
        else if (inode.nlink === 0 && inode.opens === 0)
            this.taken -= inode.size;
    }
    place(path, kind, mode) {
        this.putFolder(path.slice(0, path.lastIndexOf('/')));
        this.remove(path);
        return this.make(this.names.free('put', path), kind, mode);
    }
    #noted(edit) {
        this.unsynced?.edit(edit);
    }
    #stands(path) {
        try {
            return this.names.find('put', path, true).inode !== undefined;
        }
        catch {
            return false;
        }
    }
}
//# sourceMappingURL=memory-store.js.map