import { SluiceError } from '../errors.js';
import { errorCode } from './disk-error.js';
/**
 * Keeps the handles of many files open, but never more than a fixed number at once: those used longest ago are closed
 * to make room, and whoever asks while all are in use waits.
 */
export class HandlePool {
    #most;
    /** Open handles, the one used last at the end. */
    #slots = new Map();
    /** Handles on their way to be closed. */
    #closing = new Map();
    #waiting = [];
    #closed = false;
    /** @param most handles open at once. Default 64. */
    constructor(most = 64) {
        if (!Number.isSafeInteger(most) || most < 1) {
            throw new SluiceError('ERR_USAGE', 'handles must be a whole number from 1', { found: most });
        }
        this.#most = most;
    }
    /** Calls `work` with the open handle of `file`, opened if it is not. Fails as `open` and `work` do. */
    async use(file, work) {
        const slot = await this.#enter(file);
        try {
            return await work(await slot.fd);
        }
        finally {
            slot.users--;
            if (this.#closed && slot.users === 0)
                this.#shut(file, slot).catch(() => { });
            this.#wake();
        }
    }
    /** Closes the handle of `file`, once nobody uses it. Fails as `shut` does. */
    async drop(file) {
        for (let slot = this.#slots.get(file); slot; slot = this.#slots.get(file)) {
            if (slot.users === 0)
                return this.#shut(file, slot);
            await this.#change();
        }
        await this.#closing.get(file)?.catch(() => { });
    }
    /** Closes every handle, those in use as soon as they are not. Nothing can be opened afterwards. */
    async close() {
        this.#closed = true;
        for (const [file, slot] of this.#slots)
            if (slot.users === 0)
                this.#shut(file, slot).catch(() => { });
        this.#wake();
        while (this.#slots.size > 0 || this.#closing.size > 0)
            await this.#change();
    }
    async #enter(file) {
        for (;;) {
            if (this.#closed)
                throw new SluiceError('ERR_STATE', 'the files are closed');
            const known = this.#slots.get(file);
            if (known) {
                this.#slots.delete(file);
                this.#slots.set(file, known);
                known.users++;
                return known;
            }
            const closing = this.#closing.get(file);
            if (closing)
                await closing.catch(() => { });
            else if (this.#slots.size + this.#closing.size < this.#most)
                return this.#open(file);
            else if (!this.#evict())
                await this.#change();
            else
                await Promise.race(this.#closing.values()).catch(() => { });
        }
    }
    #open(file) {
        const slot = { users: 1, fd: Promise.resolve(0), state: 'opening' };
        slot.fd = this.#opened(file, slot);
        this.#slots.set(file, slot);
        slot.fd.then(() => {
            slot.state = 'open';
        }, () => {
            if (this.#slots.get(file) === slot)
                this.#slots.delete(file);
            this.#wake();
        });
        return slot;
    }
    /** The system may have fewer handles than the pool: then it waits like one that is full. */
    async #opened(file, slot) {
        for (;;) {
            try {
                slot.state = 'opening';
                return await file.open();
            }
            catch (error) {
                const code = errorCode(error);
                if (code !== 'EMFILE' && code !== 'ENFILE')
                    throw error;
                slot.state = 'stuck';
                this.#evict();
                // somebody must be there who will give a handle back
                if (this.#closing.size === 0 && ![...this.#slots.values()].some(({ state }) => state !== 'stuck'))
                    throw error;
                await this.#change();
            }
        }
    }
    /** Closes the handle that was used longest ago and is not in use; says whether there was one. */
    #evict() {
        for (const [file, slot] of this.#slots) {
            if (slot.users > 0)
                continue;
            this.#shut(file, slot).catch(() => { });
            return true;
        }
        return false;
    }
    async #shut(file, slot) {
        this.#slots.delete(file);
        const closing = slot.fd.then((fd) => file.shut(fd));
        this.#closing.set(file, closing);
        try {
            await closing;
        }
        finally {
            this.#closing.delete(file);
            this.#wake();
        }
    }
    /** The next time that a handle was given back or closed. */
    #change() {
        return new Promise((resolve) => this.#waiting.push(resolve));
    }
    #wake() {
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const resolve of waiting)
            resolve();
    }
}
//# sourceMappingURL=handle-pool.js.map