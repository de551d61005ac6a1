import { closeSync, readFileSync } from 'node:fs'
import { isatty } from 'node:tty'

/** What of the process decides about its signals; a parameter, so that tests need no other process. */
export interface SignalSurroundings {
  isTerminal: boolean
  /** The process that started it has ended. */
  isOrphan: boolean
  /** It is not the first of its process group. */
  isFollower: boolean
}

/**
 * The signals that were ignored when the program was started, as far as that can be guessed. It cannot be known: Node
 * takes them all back before anything of ours runs, so that /proc/self/status has what Node has set, and what the
 * parent ignores says nothing, since an interactive shell ignores signals that its commands are to hear. To ignore one
 * too much is worse than to hear one too much: the program could not be stopped. So `trap '' INT` goes unnoticed, and
 * so does the background of a shell that still runs; README.md says so. `nohup` leaves no standard stream at the
 * terminal, so that without one a SIGHUP, which says that the terminal is gone, is nothing to us. A shell without job
 * control starts what it has in the background in its own process group, with SIGINT ignored, and may end before it: a
 * Ctrl-C is then meant for another program.
 */
export function ignoredSignals({ isTerminal, isOrphan, isFollower }: SignalSurroundings): NodeJS.Signals[] {
  if (isTerminal) return []
  return isOrphan && isFollower ? ['SIGHUP', 'SIGINT'] : ['SIGHUP']
}

/** Those of this process, now. */
export function surroundings(): SignalSurroundings {
  const self = groupsOf('self')
  return {
    isTerminal: TERMINALS.length > 0,
    // who takes the place of a parent that ended is the first process, or of another session
    isOrphan: process.ppid === 1 || groupsOf(process.ppid)?.session !== self?.session,
    isFollower: self !== undefined && self.group !== process.pid,
  }
}

/** The standard streams at a terminal. One that has closed since is none any more, and just then it has to be known. */
const TERMINALS = [0, 1, 2].filter((fd) => isatty(fd))

/**
 * To be called at the exit. Node sets every terminal back to how it found it, and aborts where that fails, as it does
 * for one that is gone. A stream that is closed it leaves alone.
 */
export function leaveTerminals(): void {
  for (const fd of TERMINALS) if (!isatty(fd)) closeSync(fd)
}

/**
 * Whether the terminal is this program's now, and not that of a shell which has it in the background: there it would be
 * stopped for reading a key, or for setting how keys are read.
 */
export function isInForeground(): boolean {
  if (process.platform === 'win32') return true
  const self = groupsOf('self')
  if (self) return self.group === self.foreground
  // a system without /proc
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', `${process.pid}`], { encoding: 'utf8' })
  return stdout?.includes('+') === true
}

/**
 * For a question: when the program goes on after somebody stopped it, as by Ctrl-Z, keys are read as before. Readline
 * sets its terminal again, but reads no more of it, so that the program would end for want of anything to wait for.
 * @param redraw shows the question again, which is above what the shell wrote, or gone
 * @returns what is to be called when the question is over
 */
export function goingOn(stdin: NodeJS.ReadStream, redraw: () => void): () => void {
  let later: NodeJS.Immediate | undefined
  const goOn = () => {
    // whoever had the terminal meanwhile has set it as he needs it: what we set before does not count
    stdin.setRawMode?.(false)
    stdin.setRawMode?.(true)
    stdin.resume()
    redraw()
  }
  // readline listens, too, and comes later
  const continued = () => {
    later = setImmediate(goOn)
  }
  process.on('SIGCONT', continued)
  return () => {
    process.off('SIGCONT', continued)
    clearImmediate(later)
  }
}

/** Process group, session, and the group that has the terminal; undefined where the platform does not tell. */
function groupsOf(pid: number | 'self'): { group: number; session: number; foreground: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // behind the name, which may contain anything: state, parent, group, session, terminal, its foreground group
    const [, , , group, session, , foreground] = stat.slice(stat.lastIndexOf(')')).split(' ')
    return { group: Number(group), session: Number(session), foreground: Number(foreground) }
  } catch {
    return undefined
  }
}
