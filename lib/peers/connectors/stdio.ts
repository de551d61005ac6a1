import type { Duplex } from 'node:stream'
import { TwoPipes } from './two-pipes.js'

/**
 * Standard input and output of this process as one connection, as for the other end of {@link command}. Nothing else
 * may be written to standard output then, and it can be used once. Its end is heard by the other side; over a pipe of a
 * shell only when the process has ended, since nobody can close its standard output.
 */
export function stdio(): Duplex {
  const { stdin, stdout } = process
  return new TwoPipes({
    from: stdin,
    to: stdout,
    async release() {
      stdin.destroy()
      stdout.end()
    },
  })
}
