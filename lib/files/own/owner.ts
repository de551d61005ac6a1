import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** The process that something on disk belongs to. All parts but `pid` are opaque: they are compared, not read. */
export interface Owner {
  pid: number
  /** When the process began, so that another one with the same number is told apart; '' if the system does not say. */
  start: string
  /** The machine, by name and by its own id, and the space of its process numbers (a container has its own). */
  host: string
  /** The boot of the machine: what an earlier one left has no living owner. '' if the system does not say. */
  boot: string
  /** Random, so that two owners in one process differ. */
  token: string
}

/** An owner as part of a file name; `ownerOfText` reads what matches. */
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

/** What is asked of the system; a parameter, so that a test can play another one. */
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
 * Whether the process is certainly no more. An owner on another machine, or one of which too little is known, may
 * live. Where the system gives no boot (there is no /proc), machines with one name are taken for one.
 */
export function isGone(owner: Owner, system: ProcessSystem = processSystem): boolean {
  const here = currentMachine(system)
  if (owner.host !== here.host) return false
  if (owner.boot !== here.boot) {
    // it could be another machine of the same name, whose boot is another one, too
    return owner.boot !== '' && here.boot !== '' && machineId(system) !== ''
  }
  if (!system.isAlive(owner.pid)) return true
  const { start, ended } = statOf(owner.pid, system)
  return ended || (owner.start !== '' && start !== '' && owner.start !== start)
}

function currentMachine(system: ProcessSystem): Pick<Owner, 'host' | 'boot'> {
  const space = system.read('/proc/self/ns/pid') ?? ''
  const boot = system.read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
  const host = shortDigest(`${system.hostname()} ${space} ${machineId(system)}`)
  return { host, boot: boot && shortDigest(boot) }
}

/** What tells machines of the same name apart (machine-id(5)); '' in many containers. */
function machineId(system: ProcessSystem): string {
  return system.read('/etc/machine-id')?.trim() ?? ''
}

/**
 * From proc(5), counted behind the name, which may hold anything: field 22, ticks from the boot to the start of the
 * process; and whether it only waits for its parent to ask how it ended: state Z, without a thread that still runs.
 */
function statOf(pid: number, system: ProcessSystem): { start: string; ended: boolean } {
  const stat = system.read(`/proc/${pid}/stat`) ?? ''
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { start: fields[19] ?? '', ended: fields[0] === 'Z' && Number(fields[17]) <= 1 }
}

function shortDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
