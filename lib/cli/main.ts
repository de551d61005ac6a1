#!/usr/bin/env node
import { main } from './program.js'
import { stoppedByUser } from './terminal/exit.js'

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // The first signal ends the transfer in order: the peer is told, and files are closed. The second one exits at
    // once.
    if (stop.signal.aborted) process.exit(130)
    stop.abort(stoppedByUser())
  })
}
// If nobody reads standard error any more, that is no reason to stop; `main` watches standard output.
process.stderr.on('error', () => {})

process.exitCode = await main(process.argv.slice(2), process, stop)
