import { createHash, randomBytes } from 'node:crypto';
const JOURNAL = /^[0-9a-f]{32}(\.[0-9a-f-]+)?\.journal$/;
const OWNED = /^[0-9a-f]{32}\.([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]*)-([0-9a-f]+)\.journal$/;
const RELEASED = /^[0-9a-f]{32}\.0-[0-9a-f]+\.journal$/;
/** Whether a file in our folder with this name is one of ours. */
export function isJournalName(name) {
    return JOURNAL.test(name);
}
/** The `n`-th name for the journal of a transfer, from 0. */
export function journalName(transfer, n) {
    const isId = /^[0-9a-f]{32}$/.test(transfer);
    const id = isId ? transfer : createHash('sha256').update(transfer).digest('hex').slice(0, 32);
    return n === 0 ? `${id}.journal` : `${id}.${n.toString(16)}.journal`;
}
/** The name of a journal whose owner let go, but could not write that into it: a full disk still takes a name. */
export function releasedName(name) {
    return `${name.slice(0, 32)}.0-${randomBytes(8).toString('hex')}.journal`;
}
export function isReleasedName(name) {
    return RELEASED.test(name);
}
/** The name of a journal while it is being collected: says by whom, in the same step that takes it. */
export function nameOfOwner(name, { pid, start, host, boot, token }) {
    return `${name.slice(0, 32)}.${pid.toString(16)}-${Number(start).toString(16)}-${host}-${boot}-${token}.journal`;
}
/** By whom it is being collected. */
export function ownerOfName(name) {
    const [, pid, start, host, boot, token] = OWNED.exec(name) ?? [];
    if (pid === undefined)
        return undefined;
    const began = Number.parseInt(start, 16);
    return {
        pid: Number.parseInt(pid, 16),
        start: began === 0 ? '' : String(began),
        host: host,
        boot: boot,
        token: token,
    };
}
//# sourceMappingURL=journal-names.js.map