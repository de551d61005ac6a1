import type { Duplex } from 'node:stream'

/**
 * Passes what each stage gives to the next: by nothing but events, since every library has a `pipe` of its own. They are torn
 * down together when one fails; `failed` is told why, once: what the others say then is only that.
 */
export function tie(stages: readonly Duplex[], failed: (error: Error) => void): void {
  let isDown = false
  const tearDown = (error: Error) => {
    if (isDown) return
    isDown = true
    failed(error)
    for (const stage of stages) stage.destroy()
  }
  for (const [at, stage] of stages.entries()) {
    stage.on('error', tearDown)
    const next = stages[at + 1]
    if (!next) continue
    stage.on('data', (chunk) => next.write(chunk) === false && stage.pause())
    stage.on('end', () => next.end())
    next.on('drain', () => stage.resume())
  }
}
