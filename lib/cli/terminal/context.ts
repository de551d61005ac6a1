import type { Io, Reporter } from './reporter.js'

/** What every command gets. */
export interface Context {
  io: Io
  reporter: Reporter
  /** Aborted when the user stops the program. */
  signal: AbortSignal
  /** Stops the program, as the user asked for by other means than a signal. */
  stop(): void
}
