import type { FileSystem } from '../../lib/files/disk/fs.js'

/** The same disk as another process has it: what one process shares among its operations, as open folders, is not its. */
export function asAnotherProcess(disk: FileSystem): FileSystem {
  return new Proxy(disk, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
