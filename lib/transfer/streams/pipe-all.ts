import type { Duplex, Writable } from 'node:stream'
import pump from 'pump'

/** Passes on what a stage gives by nothing but events: every library has a `pipe` of its own. */
function pipe(this: Duplex, next: Writable): Writable {
  this.on('data', (chunk) => next.write(chunk) === false && this.pause())
  this.on('end', () => next.end())
  return next.on('drain', () => this.resume())
}

/**
 * Pipes each stage into the next. They are torn down together when one fails; `failed` is told why first, and then what
 * the others say, which is only that.
 */
export function pipeAll(stages: readonly Duplex[], failed: (error: Error) => void): void {
  for (const stage of stages) Object.assign(stage, { pipe }).on('error', failed)
  if (stages.length > 1) pump([...stages], (error) => error && failed(error))
}
