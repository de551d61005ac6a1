import { drawsOn, ERASE } from '../terminal/live-lines.js'
import { main } from './program.js'
import { optimiseLate } from './tune-engine.js'
import { stoppedByUser, terminated } from './ui/exit.js'
import { ignoredSignals, leaveTerminals, surroundings } from './ui/input/signals.js'

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    if (ignoredSignals(surroundings()).includes(name)) return
    // The first signal ends the transfer in order: the peer is told, and files are closed. The second one exits at
    // once.
    const isAgain = stop.signal.aborted
    // the terminal has shown ^C, in the place of what is said next
    if (drawsOn(process.stderr)) process.stderr.write(isAgain ? ERASE : '\r')
    if (isAgain) process.exit(130)
    stop.abort(name === 'SIGTERM' ? terminated() : stoppedByUser())
  })
}
process.on('exit', leaveTerminals)
// Where files may not be larger than the user's limit (ulimit -f): with a listener the write fails, and that is said;
// without one it kills the program.
process.on('SIGXFSZ', () => {})
// If nobody reads standard error any more, that is no reason to stop; `main` watches standard output.
process.stderr.on('error', () => {})

optimiseLate()
process.exitCode = await main(process.argv.slice(2), process, stop)
// What cannot be stopped, such as the question to a slow name server, does not hold a program that was.
if (stop.signal.aborted) setTimeout(() => process.exit(), 200).unref()
