import { deferred } from '../../async.js'

/** Tells when so many bytes came as somebody waits for. Pure. */
export class Drain {
  #came = 0
  #awaited = Number.POSITIVE_INFINITY
  readonly #done = deferred<void>()

  /** Bytes came. */
  add(bytes: number): void {
    this.#came += bytes
  }

  /** Somebody waits until so many bytes came. */
  await(bytes: number): Promise<void> {
    this.#awaited = bytes
    return this.#done.promise
  }

  /** Whether as many came as somebody waits for. */
  get isReached(): boolean {
    return this.#came >= this.#awaited
  }

  /** What came is written, or will not be. */
  readonly end = (): void => this.#done.resolve()
}
