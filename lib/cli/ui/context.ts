import type { Io } from './io.js'
import type { Reporter } from './reporter.js'

/** What every command is given. */
export interface Context {
  io: Io
  reporter: Reporter
  /** Aborted when the user stops the program. */
  signal: AbortSignal
  /** Stops the program, for a user who asked for that by other means than a signal. */
  stop(): void
}
