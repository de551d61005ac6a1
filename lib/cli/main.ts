#!/usr/bin/env node
import { main } from './program.js'
import { stoppedByUser } from './terminal/exit.js'

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // The first time the peer is told and what is open is closed; who cannot wait says it again.
    if (stop.signal.aborted) process.exit(130)
    stop.abort(stoppedByUser())
  })
}
// Notes that nobody reads any more are no reason to end; standard output is looked after by `main`.
process.stderr.on('error', () => {})

process.exitCode = await main(process.argv.slice(2), process, stop)
