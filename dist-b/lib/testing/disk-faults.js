/** The rules that are in force. */
export class DiskFaults {
    #rules = [];
    get none() {
        return this.#rules.length === 0;
    }
    add(fault) {
        this.#rules.push({ fault, seen: 0 });
    }
    clear() {
        this.#rules = [];
    }
    /** Counts the call in every rule that it fits; gives the first one that strikes. */
    strike(event) {
        let struck;
        this.#rules = this.#rules.filter((rule) => {
            const { fault } = rule;
            if (!fits(fault, event))
                return true;
            rule.seen++;
            if (rule.seen < (fault.nth ?? 1) || struck)
                return true;
            struck = fault;
            return fault.once === false;
        });
        return struck;
    }
}
function fits({ call, path }, event) {
    if (call !== '*' && call !== event.call)
        return false;
    if (path === undefined)
        return true;
    const matches = (there) => (typeof path === 'string' ? there === path : path.test(there));
    return matches(event.path) || (event.to !== undefined && matches(event.to));
}
//# sourceMappingURL=disk-faults.js.map