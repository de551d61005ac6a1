import { SluiceError } from '../errors.js';
/**
 * Keeps the books of a finalizer: pure. Brings together what is stored and what the sender says of it, in whichever
 * order they come, and has one outcome for each entry at the end.
 */
export class Ledger {
    /** Folders that stand, and links that are still to be made: they end last. */
    folders = [];
    links = [];
    #entries = [];
    #outcomes = [];
    #ended = 0;
    /** Files of which only one half is known. */
    #halves = new Map();
    /** Outcomes by the index of their entry. */
    get outcomes() {
        return this.#outcomes;
    }
    expect(entries) {
        this.#entries = this.#entries.concat(entries);
    }
    /** Takes in what was stored; gives the files that are ready. */
    stored(files) {
        return files.flatMap((stored) => this.#take(stored.entry, { stored }));
    }
    /** Takes in what the sender says; gives the files that are ready. */
    sent(digests) {
        return digests.flatMap((sent) => this.#take(sent.entry, { sent }));
    }
    /** The files that are stored, but of which the sender never said what they should be. */
    unsaid() {
        return [...this.#halves.values()].flatMap(({ stored }) => stored ? { stored, sent: { entry: stored.entry } } : []);
    }
    record(outcome) {
        this.#halves.delete(outcome.entry.index);
        this.#outcomes[outcome.entry.index] = outcome;
        this.#ended++;
    }
    /** @throws SluiceError `ERR_TRUNCATED` if there are entries of which nothing came */
    checkAll() {
        const missing = this.#entries.length - this.#ended - this.folders.length - this.links.length;
        if (missing === 0)
            return;
        const message = `the input ended before ${missing} of ${this.#entries.length} entries came`;
        throw new SluiceError('ERR_TRUNCATED', message);
    }
    #take(entry, news) {
        const { index, type } = entry;
        // it failed here, and the sender has nothing to add
        if (this.#outcomes[index])
            return [];
        if (type === 'symlink')
            this.links.push(entry);
        else if (type === 'directory' && !news.stored?.failure)
            this.folders.push(entry);
        else {
            const { stored, sent } = { ...this.#halves.get(index), ...news };
            const isFailed = stored?.failure !== undefined || sent?.failure !== undefined;
            if (isFailed || (stored && sent))
                return [{ stored: stored ?? { entry }, sent: sent ?? { entry } }];
            this.#halves.set(index, { stored, sent });
        }
        return [];
    }
}
//# sourceMappingURL=ledger.js.map