import type { FileSystem } from '../../lib/files/disk/fs.js'

/** A file system of which the process is killed, with SIGKILL, when call number `at` begins; counts from 1. */
export function killedFileSystem(fs: FileSystem, at: number): FileSystem & { readonly calls: number } {
  let calls = 0
  const handler: ProxyHandler<object> = {
    get(target, name) {
      if (name === 'calls') return calls
      const value = Reflect.get(target, name)
      if (name === 'sync' && value) return new Proxy(value, handler)
      if (typeof value !== 'function' || name === 'at') return value
      return (...args: unknown[]) => {
        calls += 1
        if (calls === at) process.kill(process.pid, 'SIGKILL')
        return Reflect.apply(value, target, args)
      }
    },
  }
  return new Proxy(fs, handler) as FileSystem & { readonly calls: number }
}
