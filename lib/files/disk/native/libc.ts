import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/** Calls of the system that Node has not, or only by path. They give -1 where they fail. */
export interface Libc {
  openat(folder: number, name: string, flags: number, mode: number): number
  /** What {@link StatxStats} reads is written to `into`. */
  statx(folder: number, name: string, flags: number, mask: number, into: Uint8Array): number
  renameat2(fromFolder: number, from: string, toFolder: number, to: string, flags: number): number
  /**
   * The bytes of an attribute of a file, not through a link, or of an open one; the only call that is made on another
   * thread. Resolves to their number, or to the number of the error as a negative one. 64 at once are too many.
   */
  attribute(file: string | number, name: string, into: Uint8Array): Promise<number>
  /** The number of the error of the last call. */
  errno(): number
}

/** What is used of the package: it calls functions of a library by their prototypes. */
interface Koffi {
  load(library: null): { func(prototype: string): NativeFunction }
  errno(): number
}

interface NativeFunction {
  (...given: unknown[]): number
  /** Makes the call on another thread. The last argument is told how it went; the error is that of the package. */
  async(...given: unknown[]): void
}

/** The numbers of the calls for which not every C library has a function, by processor. */
const NUMBERS: Partial<Record<NodeJS.Architecture, { statx: number; renameat2: number }>> = {
  arm64: { statx: 291, renameat2: 276 },
  x64: { statx: 332, renameat2: 316 },
}

let libc: Libc | null | undefined

/** The library, if {@link loadLibc} was called and found it. */
export const loadedLibc = (): Libc | null | undefined => libc

/**
 * Loads the library at the first call, which takes some milliseconds; null where that cannot be: the package is
 * optional, and not for worker threads.
 */
export function loadLibc(): Libc | null {
  if (libc !== undefined) return libc
  const isAllowed = isMainThread && process.env.SLUICE_NATIVE !== 'off'
  libc = isAllowed ? load() : null
  return libc
}

function load(): Libc | null {
  const numbers = NUMBERS[process.arch]
  if (process.platform !== 'linux' || !numbers) return null
  try {
    // the whole package would want to run a script when it is installed; this is the part of it for one system
    const koffi = createRequire(import.meta.url)(`@koromix/koffi-linux-${process.arch}`) as Koffi
    const own = koffi.load(null)
    const openat = own.func('int openat(int, const char *, int, unsigned int)')
    const statx = own.func('long syscall(long, int, const char *, int, unsigned int, void *)')
    const renameat2 = own.func('long syscall(long, int, const char *, int, const char *, unsigned int)')
    const byPath = own.func('long lgetxattr(const char *, const char *, void *, size_t)')
    const byHandle = own.func('long fgetxattr(int, const char *, void *, size_t)')
    return {
      openat,
      statx: (...given) => statx(numbers.statx, ...given),
      renameat2: (...given) => renameat2(numbers.renameat2, ...given),
      attribute: (file, name, into) =>
        new Promise((resolve, reject) => {
          const done = (error: Error | null, bytes: number) => {
            if (error) reject(error)
            else resolve(bytes < 0 ? -koffi.errno() : bytes)
          }
          const call = typeof file === 'number' ? byHandle : byPath
          call.async(file, name, into, into.length, done)
        }),
      errno: () => koffi.errno(),
    }
  } catch {
    return null
  }
}
