import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
/** This machine. */
export const processSystem = {
    pid: process.pid,
    hostname,
    read(path) {
        try {
            return path.includes('/ns/') ? readlinkSync(path) : readFileSync(path, 'utf8');
        }
        catch {
            return undefined;
        }
    },
    isAlive(pid) {
        try {
            process.kill(pid, 0);
            return true;
        }
        catch (error) {
            // of another user
            return error.code === 'EPERM';
        }
    },
};
/** This process as an owner, with a token of its own. */
export function thisOwner(system = processSystem) {
    return {
        pid: system.pid,
        start: startOf(system.pid, system),
        ...placeOf(system),
        token: randomBytes(8).toString('hex'),
    };
}
/**
 * Whether the process is certainly no more. An owner on another machine, or one of which too little is known, may
 * live.
 */
export function isGone(owner, system = processSystem) {
    const here = placeOf(system);
    if (owner.host !== here.host)
        return false;
    if (owner.boot !== here.boot)
        return owner.boot !== '' && here.boot !== '';
    if (!system.isAlive(owner.pid))
        return true;
    const start = startOf(owner.pid, system);
    return owner.start !== '' && start !== '' && owner.start !== start;
}
function placeOf(system) {
    const space = system.read('/proc/self/ns/pid') ?? '';
    const boot = system.read('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
    return { host: shortDigest(`${system.hostname()} ${space}`), boot: boot && shortDigest(boot) };
}
/** Ticks from the boot to the start of the process: field 22 of proc(5), counted behind the name, which may hold anything. */
function startOf(pid, system) {
    const stat = system.read(`/proc/${pid}/stat`) ?? '';
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
function shortDigest(text) {
    return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
//# sourceMappingURL=owner.js.map