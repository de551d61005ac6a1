import type { Run } from '../../wire/run.js'
import type { StoredRun } from '../river/items.js'
import { Drain } from './drain.js'
import { RunJoiner } from './run-joiner.js'
import type { RunWriter } from './run-writer.js'

/** Runs as they come, on their way to the writer. */
export class IncomingRuns {
  readonly #joiner = new RunJoiner()
  readonly #drain = new Drain()
  readonly #writer: RunWriter
  readonly #give: (stored: readonly StoredRun[]) => void
  readonly #fail: (error: Error) => void

  /**
   * @param give gets what ended
   * @param fail gets what went wrong where nobody waits for it
   */
  constructor(writer: RunWriter, give: (stored: readonly StoredRun[]) => void, fail: (error: Error) => void) {
    this.#writer = writer
    this.#give = give
    this.#fail = fail
  }

  /** Takes a run, at once or in time: most bytes of a large file are taken at once. */
  take(run: Run): Promise<void> | undefined {
    const runs = this.#joiner.take(run)
    const isTaken = runs.length === 1 && this.#writer.takesOver(runs[0]!)
    return isTaken ? this.#came(run) : this.#write(runs).then(() => this.#came(run))
  }

  /** Nothing more is waited for of what was kept of these entries; of all of them unless told otherwise. */
  flush(first?: number, count?: number): Promise<void> {
    return this.#write(this.#joiner.flush(first, count))
  }

  /** Resolves when all that came is written. */
  async settle(): Promise<void> {
    await this.flush()
    this.#give(await this.#writer.settle())
  }

  /** Resolves when so many bytes came and are written, or will not be. */
  await(bytes: number): Promise<void> {
    return this.#drain.await(bytes)
  }

  /** Whether as many came as somebody waits for: then all is to be written out. */
  get haveCome(): boolean {
    return this.#drain.isReached
  }

  async writeOut(): Promise<void> {
    await this.settle().catch(this.#fail)
    this.end()
  }

  /** Nothing more will be written. */
  readonly end = (): void => this.#drain.end()

  /** Bytes came, and are written or wait to be. */
  #came({ length }: Run): Promise<void> | undefined {
    this.#drain.add(length)
    return this.haveCome ? this.writeOut() : undefined
  }

  async #write(runs: readonly Run[]): Promise<void> {
    for (const run of runs) this.#give(await this.#writer.write(run))
  }
}
