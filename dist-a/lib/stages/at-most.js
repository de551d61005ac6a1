/**
 * Calls `work` for each item, at most `most` at once, begun in order. After the first failure no more are begun; it
 * is thrown when those that run have ended.
 */
export async function atMost(most, items, work, isStopped = () => false) {
    let next = 0;
    let failed = false;
    let failure;
    const worker = async () => {
        while (next < items.length && !failed && !isStopped()) {
            try {
                await work(items[next++]);
            }
            catch (error) {
                if (!failed)
                    failure = error;
                failed = true;
            }
        }
    };
    await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
    if (failed)
        throw failure;
}
/** Calls `work` for each item in slices, between which the event loop turns: for a million items. */
export async function inSlices(items, work) {
    for (let i = 0; i < items.length; i++) {
        work(items[i]);
        if (i % SLICE === SLICE - 1)
            await new Promise((resolve) => setImmediate(resolve));
    }
}
const SLICE = 1000;
//# sourceMappingURL=at-most.js.map