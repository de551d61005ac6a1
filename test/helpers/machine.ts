import type { ProcessSystem } from '../../lib/files/own/owner.js'

/** A machine with processes that a test starts and ends. */
export class Machine {
  hostname = 'here'
  space = 'pid:[1]'
  boot = 'boot-1'
  id = 'machine-1'
  /** Whether a process cannot look at others, as where /proc is mounted with hidepid. */
  hidden = false
  /** When each process that lives began. */
  readonly living = new Map<number, number>()
  #ticks = 100

  /** Starts a process; with a number that was used before, it is another one. */
  start(pid: number): ProcessSystem {
    this.living.set(pid, this.#ticks++)
    return {
      pid,
      hostname: () => this.hostname,
      isAlive: (other) => this.living.has(other),
      read: (path) => (this.hidden && isOfAnother(path, pid) ? undefined : this.#read(path)),
    }
  }

  end(pid: number): void {
    this.living.delete(pid)
  }

  /** What each process that lives is, is over, and the numbers begin anew. */
  reboot(): void {
    this.boot += '+'
    this.living.clear()
  }

  #read(path: string): string | undefined {
    if (path === '/proc/sys/kernel/random/boot_id') return this.boot
    if (path === '/etc/machine-id') return `${this.id}\n`
    if (path === '/proc/self/ns/pid') return this.space
    const start = this.living.get(Number(/^\/proc\/(\d+)\/stat$/.exec(path)?.[1]))
    return start === undefined ? undefined : `1 (node) S ${'0 '.repeat(18)}${start} 0`
  }
}

function isOfAnother(path: string, pid: number): boolean {
  const [, of] = /^\/proc\/(\d+)\//.exec(path) ?? []
  return of !== undefined && Number(of) !== pid
}
