import type { FileSystem } from '../../lib/files/disk/fs.js'

/**
 * The same disk as another process has it: what one process shares among its operations, as open folders, is not its.
 * @param others calls that are other ones there
 */
export function asAnotherProcess(disk: FileSystem, others: Partial<FileSystem> = {}): FileSystem {
  return new Proxy(disk, {
    get(target, key) {
      if (key in others) return Reflect.get(others, key)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
