import type { FileSystem } from '../../files/disk/fs.js'
import { checkChoice, checkKeys, checkOption, checkWhole } from '../../options.js'

/** The calls that can fail. */
export type DiskCall = PlainCall | 'renameNoReplace'

/** Those that a {@link FileSystem} always has. */
export type PlainCall = Exclude<keyof FileSystem, 'platform' | 'user' | 'at' | 'sync' | 'accessList'>

const CALLS: Record<DiskCall | '*', true> = {
  '*': true,
  open: true,
  close: true,
  read: true,
  write: true,
  fstat: true,
  fsync: true,
  ftruncate: true,
  fchmod: true,
  fchown: true,
  futimes: true,
  stat: true,
  lstat: true,
  mkdir: true,
  rmdir: true,
  readdir: true,
  link: true,
  symlink: true,
  readlink: true,
  rename: true,
  renameNoReplace: true,
  unlink: true,
  realpath: true,
  free: true,
}

/** What is about to happen on a {@link MemoryDisk}. */
export interface DiskEvent {
  call: DiskCall
  /** What it is done to; for a handle the path that leads to it. Never below `/proc`. */
  path: string
  /** The second path of `link` and `rename`. */
  to?: string
  /** How many calls came before this one. */
  number: number
  /** Whether it is made at once, and not as a promise. */
  sync: boolean
}

/** One rule of {@link MemoryDisk.fail}; it has `error` or `short`. */
export interface DiskFault {
  /** The call that fails; '*' is any. */
  call: DiskCall | '*'
  /** Only where the path, or the second one, is this or matches this. */
  path?: string | RegExp
  /** Which of the matching calls from now on fails; 1 (the default) is the next one. */
  nth?: number
  /** Whether only this call fails (the default), or all after it too. */
  once?: boolean
  /** The system code that it fails with: 'EIO', 'ENOSPC', … */
  error?: string
  /** Instead of an error: a write, or a read, takes so many bytes at most. */
  short?: number
  /** The call does its work and says afterwards that it failed, as when an answer is lost. */
  after?: boolean
}

/** The rules that are in force. */
export class DiskFaults {
  #rules: { fault: DiskFault; seen: number }[] = []

  get none(): boolean {
    return this.#rules.length === 0
  }

  /** `ERR_USAGE` for a rule that could never strike: a test would pass, and have shown nothing. */
  add(fault: DiskFault): void {
    checkKeys('a fault', fault, {
      call: true,
      path: true,
      nth: true,
      once: true,
      error: true,
      short: true,
      after: true,
    })
    if (!Object.hasOwn(CALLS, fault.call)) checkChoice('call', fault.call ?? null, Object.keys(CALLS))
    checkWhole('nth', fault.nth, 1)
    const strikes = fault.error !== undefined || fault.short !== undefined
    checkOption('a fault', fault, strikes, 'one with error or short')
    this.#rules.push({ fault, seen: 0 })
  }

  clear(): void {
    this.#rules = []
  }

  /** Counts the call in every rule that it fits; gives the first one that strikes. */
  strike(event: DiskEvent): DiskFault | undefined {
    let struck: DiskFault | undefined
    this.#rules = this.#rules.filter((rule) => {
      const { fault } = rule
      if (!fits(fault, event)) return true
      rule.seen++
      if (rule.seen < (fault.nth ?? 1) || struck) return true
      struck = fault
      return fault.once === false
    })
    return struck
  }
}

function fits({ call, path }: DiskFault, event: DiskEvent): boolean {
  if (call !== '*' && call !== event.call) return false
  if (path === undefined) return true
  // search: with the flag g, test() would go on where it stopped at the call before
  const matches = (there: string) => (typeof path === 'string' ? there === path : there.search(path) >= 0)
  return matches(event.path) || (event.to !== undefined && matches(event.to))
}
