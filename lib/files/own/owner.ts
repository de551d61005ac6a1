import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** The process that a file belongs to. All fields but `pid` are opaque: they are only compared. */
export interface Owner {
  pid: number
  /** When the process started, to distinguish it from a later one with the same number; '' if unknown. */
  start: string
  /**
   * The machine (its name and id), and its namespaces of process numbers and of time: each container has its own, and
   * in another one the start of a process is another number.
   */
  host: string
  /** The boot of the machine: no process of an earlier boot is alive. '' if unknown. */
  boot: string
  /** Random, so that two owners in one process differ. */
  token: string
}

/** A pattern for an owner as part of a file name; {@link ownerOfText} reads what matches. */
export const OWNER_TEXT = '[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]*-[0-9a-f]+'

/** An owner as part of a file name: five hexadecimal words. */
export function textOfOwner({ pid, start, host, boot, token }: Owner): string {
  return [pid.toString(16), Number(start).toString(16), host, boot, token].join('-')
}

/** The owner in a name that {@link textOfOwner} made. */
export function ownerOfText(text: string): Owner {
  const [pid, start, host, boot, token] = text.split('-') as [string, string, string, string, string]
  const began = Number.parseInt(start, 16)
  return { pid: Number.parseInt(pid, 16), start: began === 0 ? '' : String(began), host, boot, token }
}

/** What is asked of the system about processes; a parameter, so that tests can replace it. */
export interface ProcessSystem {
  pid: number
  hostname(): string
  /** The text of a file, or the target of a link, under /proc or /etc; undefined where there is none. */
  read(path: string): string | undefined
  isAlive(pid: number): boolean
}

/** This machine. */
export const processSystem: ProcessSystem = {
  pid: process.pid,
  hostname,
  read(path) {
    try {
      return path.includes('/ns/') ? readlinkSync(path) : readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  },
  isAlive(pid) {
    try {
      process.kill(pid, 0)
      return true
    } catch (error) {
      // of another user
      return (error as NodeJS.ErrnoException).code === 'EPERM'
    }
  },
}

/** This process as an owner, with a token of its own. */
export function thisOwner(system: ProcessSystem = processSystem): Owner {
  return {
    pid: system.pid,
    start: statOf(system.pid, system).start,
    ...currentMachine(system),
    token: randomBytes(8).toString('hex'),
  }
}

/**
 * What can be said of a process by looking at it. 'unseen': it is on another machine or in another container, or too
 * little is known; see lease.ts. So it is where the processes of other users are hidden (`hidepid`, see proc(5)): some
 * process has the number, but nobody can tell whether it is the same one. Where the system does not say which boot it
 * is (without /proc), machines of the same name count as one.
 */
export function fateOf(owner: Owner, system: ProcessSystem = processSystem): 'alive' | 'gone' | 'unseen' {
  const here = currentMachine(system)
  if (owner.host !== here.host) return 'unseen'
  if (owner.boot !== here.boot) {
    // another machine of the same name has another boot, too: only the machine id tells them apart
    const isKnown = owner.boot !== '' && here.boot !== '' && machineId(system) !== ''
    return isKnown ? 'gone' : 'unseen'
  }
  // read first: what has no start then, although it lives afterwards, is hidden, and did not end in between
  const { start, ended } = statOf(owner.pid, system)
  if (!system.isAlive(owner.pid) || ended) return 'gone'
  if (owner.start === '' || owner.start === start) return 'alive'
  return start === '' ? 'unseen' : 'gone'
}

/** Whether the process is certainly dead, as far as one can see by looking at it. */
export function isGone(owner: Owner, system: ProcessSystem = processSystem): boolean {
  return fateOf(owner, system) === 'gone'
}

function currentMachine(system: ProcessSystem): Pick<Owner, 'host' | 'boot'> {
  const space = system.read('/proc/self/ns/pid') ?? ''
  const time = system.read('/proc/self/ns/time') ?? ''
  const boot = system.read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
  const host = shortDigest(`${system.hostname()} ${space} ${time} ${machineId(system)}`)
  return { host, boot: boot && shortDigest(boot) }
}

/** Distinguishes machines of the same name (see machine-id(5)); '' in many containers. */
function machineId(system: ProcessSystem): string {
  return system.read('/etc/machine-id')?.trim() ?? ''
}

/**
 * Reads /proc/PID/stat (see proc(5)), counting fields from behind the name, which may contain anything. `start` is
 * field 22: clock ticks from the boot to the start of the process. `ended`: it is a zombie without a running thread,
 * and only waits for its parent to read its exit status.
 */
function statOf(pid: number, system: ProcessSystem): { start: string; ended: boolean } {
  const stat = system.read(`/proc/${pid}/stat`) ?? ''
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { start: fields[19] ?? '', ended: fields[0] === 'Z' && Number(fields[17]) <= 1 }
}

function shortDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
