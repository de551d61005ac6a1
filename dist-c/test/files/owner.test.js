import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { isGone, thisOwner } from '../../lib/files/owner.js';
function system(changes = {}) {
    const { start = '100', boot = 'boot-1', space = 'pid:[1]' } = changes;
    return {
        pid: 42,
        hostname: () => 'here',
        isAlive: () => true,
        read: (path) => {
            if (path === '/proc/sys/kernel/random/boot_id')
                return boot;
            if (path === '/proc/self/ns/pid')
                return space;
            return `42 (a ) name) S ${'0 '.repeat(18)}${start} 0`;
        },
        ...changes,
    };
}
test('this process lives, and two owners in it differ', (t) => {
    const one = thisOwner();
    t.false(isGone(one));
    t.not(one.token, thisOwner().token);
});
test('a process that ended is gone', async (t) => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    t.true(isGone({ ...thisOwner(), pid: child.pid }));
});
test('HOSTILE-INPUT 65: a number that was given to another process, or an earlier boot, is no living owner', (t) => {
    const owner = thisOwner(system());
    t.false(isGone(owner, system()));
    t.true(isGone(owner, system({ start: '200' })));
    t.true(isGone(owner, system({ boot: 'boot-2' })));
    t.true(isGone(owner, system({ isAlive: () => false })));
});
test('an owner on another machine, in another container, or of whom too little is known, may live', (t) => {
    const owner = thisOwner(system());
    const dead = { isAlive: () => false };
    t.false(isGone(owner, system({ ...dead, hostname: () => 'there' })));
    t.false(isGone(owner, system({ ...dead, space: 'pid:[2]' })));
    t.false(isGone(owner, system({ ...dead, boot: '' })));
    t.false(isGone({ ...owner, start: '' }, system({ start: '200' })));
    const bare = system({ read: () => undefined });
    t.false(isGone(thisOwner(bare), bare));
});
//# sourceMappingURL=owner.test.js.map