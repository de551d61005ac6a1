import { errorOf } from '../../errors.js'

/** Runs a user callback and remembers what it threw, so that it is not mistaken for a disk error, whatever its code. */
export class UserCallback {
  readonly #thrown = new WeakSet<Error>()

  /** What `call` throws comes out as it is; what is no `Error`, as one with `ERR_DESTROYED`. */
  run(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      const error = errorOf(thrown)
      this.#thrown.add(error)
      throw error
    }
  }

  /** Whether the error came out of {@link run}. */
  threw(error: unknown): error is Error {
    return error instanceof Error && this.#thrown.has(error)
  }
}
