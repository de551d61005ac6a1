/** A file system of which the process is killed, with SIGKILL, when call number `at` begins; counts from 1. */
export function killedFileSystem(fs, at) {
    let calls = 0;
    return new Proxy(fs, {
        get(target, name) {
            if (name === 'calls')
                return calls;
            const value = Reflect.get(target, name);
            if (typeof value !== 'function' || name === 'at')
                return value;
            return (...args) => {
                calls += 1;
                if (calls === at)
                    process.kill(process.pid, 'SIGKILL');
                return Reflect.apply(value, target, args);
            };
        },
    });
}
//# sourceMappingURL=killed-fs.js.map