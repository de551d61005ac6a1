/** How many milliseconds the rate looks back. */
const WINDOW = 5_000;
/** Counts what passes and makes {@link Progress} of it. Pure but for the clock (milliseconds, monotonic). */
export class ProgressMeter {
    files = 0;
    totalFiles = 0;
    bytes = 0;
    totalBytes = 0;
    resumedBytes = 0;
    current = null;
    #now;
    #samples = [];
    constructor(now = () => performance.now()) {
        this.#now = now;
    }
    /** Counts `length` more bytes, which belong to `current`. */
    add(length, current) {
        const time = this.#now();
        const last = this.#samples.at(-1);
        // Samples are a tenth of a second apart at least, so that there are never more than some fifty.
        if (last === undefined || time - last.time >= 100)
            this.#samples.push({ time, bytes: this.bytes });
        while (this.#samples.length > 2 && time - this.#samples[0].time > WINDOW)
            this.#samples.shift();
        this.bytes += length;
        this.current = current;
    }
    snapshot() {
        const rate = this.#rate();
        const left = this.totalBytes === null ? null : Math.max(0, this.totalBytes - this.bytes);
        return {
            files: this.files,
            totalFiles: this.totalFiles,
            bytes: this.bytes,
            totalBytes: this.totalBytes,
            resumedBytes: this.resumedBytes,
            rate,
            eta: left === null || rate === 0 ? null : (left / rate) * 1000,
            current: this.current,
        };
    }
    #rate() {
        const first = this.#samples[0];
        if (first === undefined)
            return 0;
        const elapsed = this.#now() - first.time;
        return elapsed < 1 ? 0 : ((this.bytes - first.bytes) / elapsed) * 1000;
    }
}
//# sourceMappingURL=progress.js.map