/** The clock of this process. */
export const systemClock = {
    now: () => performance.now(),
    after(ms, callback) {
        const timer = setTimeout(callback, ms);
        return () => clearTimeout(timer);
    },
};
//# sourceMappingURL=clock.js.map