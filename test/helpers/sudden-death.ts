import { writeSync } from 'node:fs'
import type { FileSystem } from '../../lib/files/index.js'

/** The longest time, in microseconds, that a call goes on before the process dies in it. */
const LONGEST = 1500

/**
 * A file system in which this process can be told to die, with SIGKILL: some microseconds after a call to come was
 * begun, while that and others are under way in other threads. Says before, on standard output, what it did then.
 */
export class SuddenDeath {
  /** What the process does at the moment, for those who count. */
  phase = 'start'
  readonly fs: FileSystem
  readonly #random: () => number
  #left = 0

  constructor(fs: FileSystem, random: () => number) {
    this.#random = random
    const handler: ProxyHandler<object> = {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (name === 'sync' && value) return new Proxy(value, handler)
        if (typeof value !== 'function' || name === 'at') return value
        return (...args: unknown[]) => this.#call(String(name), () => Reflect.apply(value, target, args))
      },
    }
    this.fs = new Proxy(fs, handler) as FileSystem
  }

  /** Dies in one of the next `within` calls, whichever chance says; 0: not at all. */
  arm(within: number): void {
    this.#left = within === 0 ? 0 : 1 + Math.floor(this.#random() * within)
  }

  /** Something else during which it may die. */
  moment<T>(name: string, act: () => T): T {
    return this.#call(name, act)
  }

  #call<T>(name: string, act: () => T): T {
    if (this.#left === 0 || --this.#left > 0) return act()
    writeSync(1, `killed ${this.phase} ${name}\n`)
    const until = performance.now() + (this.#random() ** 2 * LONGEST) / 1000
    act()
    while (performance.now() < until) {
      // this thread alone stands still
    }
    process.kill(process.pid, 'SIGKILL')
    throw new Error('alive')
  }
}
