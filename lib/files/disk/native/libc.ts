import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/** Calls of the system that Node has not, or only by path. They give -1 where they fail. */
export interface Libc {
  openat(folder: number, name: string, flags: number, mode: number): number
  /** What {@link StatxStats} reads is written to `into`. */
  statx(folder: number, name: string, flags: number, mask: number, into: Uint8Array): number
  renameat2(fromFolder: number, from: string, toFolder: number, to: string, flags: number): number
  /** The number of the error of the last call. */
  errno(): number
}

/** What is used of the package: it calls functions of a library by their prototypes. */
interface Koffi {
  load(library: null): { func(prototype: string): (...given: unknown[]) => number }
  errno(): number
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
    return {
      openat,
      statx: (...given) => statx(numbers.statx, ...given),
      renameat2: (...given) => renameat2(numbers.renameat2, ...given),
      errno: () => koffi.errno(),
    }
  } catch {
    return null
  }
}
