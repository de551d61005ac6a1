import type { Clock } from '../../lib/clock.js'
import type { FileSystem } from '../../lib/files/disk/fs.js'

/** After so many steps the clients only wait for each other. */
const MOST_STEPS = 100_000

interface Step {
  client: number
  go: () => void
}

/**
 * Clients whose steps (each call of the file system, each pause) are taken one at a time, in an order that `random`
 * chooses; and some of them end between two steps. All else that they do must take no time.
 */
export class Interleaving {
  readonly #random: () => number
  #steps: Step[] = []
  #now = 0

  constructor(random: () => number) {
    this.#random = random
  }

  /** Resolves when it is this client's turn. */
  turn(client: number): Promise<void> {
    return new Promise((go) => this.#steps.push({ client, go }))
  }

  /** A clock whose time passes by leaps. */
  clock(client: number): Clock {
    return {
      now: () => {
        this.#now += this.#random() * 40
        return this.#now
      },
      after: (_ms, go) => {
        const step = { client, go }
        this.#steps.push(step)
        return () => {
          this.#steps = this.#steps.filter((other) => other !== step)
        }
      },
    }
  }

  /** The file system as this client has it: each call waits for its turn. */
  disk(client: number, fs: FileSystem): FileSystem {
    const calls = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(fs)))
    const ours = Object.fromEntries(
      calls
        .filter(([name, { value }]) => typeof value === 'function' && name !== 'constructor')
        .map(([name, { value }]) => [
          name,
          async (...values: unknown[]) => {
            await this.turn(client)
            return value.apply(fs, values) as unknown
          },
        ]),
    )
    return { ...ours, platform: fs.platform, at: () => null } as unknown as FileSystem
  }

  /** The client makes no further step. */
  end(client: number): void {
    this.#steps = this.#steps.filter((step) => step.client !== client)
  }

  /** Until nobody has a step to make. `before` may end the client whose turn it is, and says so. */
  async run(before: (client: number) => boolean): Promise<void> {
    for (let n = 0; n < MOST_STEPS; n++) {
      await new Promise(setImmediate)
      const step = this.#steps[Math.floor(this.#random() * this.#steps.length)]
      if (!step) return
      if (before(step.client)) continue
      this.#steps = this.#steps.filter((other) => other !== step)
      step.go()
    }
    throw new Error(`no end after ${MOST_STEPS} steps`)
  }
}
