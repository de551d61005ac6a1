import { now, type Sample } from '../figures/usage.js'
import { forked } from './forked.js'

/** Runs a program of this folder that needs no partner, from the order to begin until it is done. */
export async function alone(module: string, job: object, node: string): Promise<Sample> {
  const spawned = now()
  const process = forked(module, job, { node })
  try {
    await process.ready()
    const began = now()
    process.go()
    const { usage, at } = await process.done()
    return { wall: (at - began) / 1000, wallWithStart: (at - spawned) / 1000, usage: { process: usage } }
  } finally {
    process.kill()
  }
}
