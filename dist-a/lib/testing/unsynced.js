import { Inode } from './memory-inode.js';
/** A disk writes whole sectors; of a write any of them may be missing. */
const SECTOR = 512;
/**
 * What a disk was told and has not yet made to last: content by `fsync` of the file, names by `fsync` of the folder.
 * A power cut keeps any part of it: names and content are independent of each other, a rename is whole or not at all,
 * changes of one name keep their order, a write may be torn or leave zeros.
 */
export class Unsynced {
    #kept = new Map();
    /** The edits of each call, in order. */
    #edits = [];
    #open = [];
    /** The edits from here on belong to the next call. */
    next() {
        if (this.#open.length > 0)
            this.#edits.push(this.#open);
        this.#open = [];
    }
    edit(edit) {
        this.#open.push(edit);
    }
    wrote(inode, at, length) {
        this.#of(inode).pending.push({ at, bytes: Buffer.from(inode.data.subarray(at, at + length)) });
    }
    truncated(inode, at) {
        this.#of(inode).pending.push({ at });
    }
    /** A successful `fsync`. */
    synced(inode) {
        this.next();
        if (inode.kind === 'directory')
            this.#syncNames(inode);
        const kept = this.#of(inode);
        for (const change of kept.pending.splice(0))
            apply(kept.content, change);
        attributes(kept.content, inode);
    }
    /** A failed `fsync`: the kernel holds the content for clean, and no later one writes it. */
    failed(inode) {
        this.#of(inode).pending = [];
    }
    /** All of them, which is everything that there is, are on the medium as they are. */
    syncAll(inodes) {
        this.next();
        this.#edits = [];
        for (const inode of inodes) {
            this.#kept.delete(inode);
            const { content, entries } = this.#of(inode);
            for (const [key, entry] of inode.entries)
                entries.set(key, entry);
            content.write(inode.content(), 0);
        }
    }
    /** What is found after a power cut: the root of a new tree. */
    crash(root, random) {
        this.next();
        const entries = new Map();
        const entriesOf = (folder) => {
            const known = entries.get(folder) ?? new Map(this.#of(folder).entries);
            entries.set(folder, known);
            return known;
        };
        const keep = choice(random, this.#edits.length);
        this.#edits.forEach((group, i) => {
            if (keep(i))
                for (const edit of group)
                    this.#apply(edit, entriesOf);
        });
        const made = new Map();
        const build = (old) => {
            const found = new Inode(old.ino, old.kind, old.mode, old.mtimeMs);
            made.set(old, found);
            attributes(found, random() < 0.5 ? old : this.#of(old).content);
            found.target = old.target;
            if (old.kind === 'file')
                this.#content(old, found, random);
            for (const [key, { name, inode }] of entriesOf(old)) {
                const known = made.get(inode);
                // a folder has one place
                if (known && inode.kind === 'directory')
                    continue;
                const child = known ?? build(inode);
                child.nlink++;
                if (child.kind === 'directory')
                    Object.assign(child, { parent: found, name });
                found.entries.set(key, { name, inode: child });
            }
            return found;
        };
        const found = build(root);
        found.nlink = 1;
        return found;
    }
    #of(inode) {
        const known = this.#kept.get(inode);
        if (known)
            return known;
        const content = new Inode(inode.ino, inode.kind, inode.mode, inode.mtimeMs);
        const kept = { entries: new Map(), content, pending: [] };
        this.#kept.set(inode, kept);
        return kept;
    }
    #apply({ folder, key, name, inode }, entriesOf) {
        if (inode)
            entriesOf(folder).set(key, { name, inode });
        else
            entriesOf(folder).delete(key);
    }
    /** The calls that touched the folder, and those before them that touched the same names in another one. */
    #syncNames(folder) {
        const needed = new Set();
        const id = (edit) => `${edit.folder.ino}/${edit.key}`;
        const last = this.#edits.length - 1;
        const now = [];
        for (let i = last; i >= 0; i--) {
            const group = this.#edits[i];
            if (!group.some((edit) => edit.folder === folder || needed.has(id(edit))))
                continue;
            for (const edit of group)
                needed.add(id(edit));
            now.unshift(group);
            this.#edits.splice(i, 1);
        }
        for (const edit of now.flat())
            this.#apply(edit, (of) => this.#of(of).entries);
    }
    #content(old, found, random) {
        const { content, pending } = this.#of(old);
        found.write(content.content(), 0);
        const keep = choice(random, pending.length);
        pending.forEach((change, i) => {
            if (keep(i))
                apply(found, change);
            else if (change.bytes)
                tear(found, change.at, change.bytes, random);
        });
    }
}
/** Which of `count` things are kept: none, all, those up to one of them, or any. */
function choice(random, count) {
    const kind = Math.floor(random() * 4);
    const end = Math.floor(random() * (count + 1));
    if (kind === 0)
        return () => false;
    if (kind === 1)
        return () => true;
    return kind === 2 ? (i) => i < end : () => random() < 0.5;
}
function apply(content, { at, bytes }) {
    if (bytes)
        content.write(bytes, at);
    else
        content.truncate(at);
}
/** A write that did not finish: nothing of it, its length in zeros, or some of its sectors. */
function tear(found, at, bytes, random) {
    if (random() < 0.5)
        return;
    if (at + bytes.length > found.size)
        found.truncate(at + bytes.length);
    if (random() < 0.5)
        return;
    for (let from = 0; from < bytes.length; from += SECTOR) {
        if (random() < 0.5)
            found.write(bytes.subarray(from, from + SECTOR), at + from);
    }
}
function attributes(to, { mode, uid, gid, mtimeMs, ctimeMs }) {
    Object.assign(to, { mode, uid, gid, mtimeMs, ctimeMs });
}
//# sourceMappingURL=unsynced.js.map