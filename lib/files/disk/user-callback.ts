import { errorOf, isError } from '../../errors.js'

/** Runs a user callback and remembers what it threw, so that it is not mistaken for a disk error, whatever its code. */
export class UserCallback {
  readonly #thrown = new WeakSet<Error>()

  /**
   * Calls the callback. What it throws is thrown on unchanged; a value that is no `Error` becomes one with
   * `ERR_DESTROYED`.
   */
  run(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      const error = errorOf(thrown)
      this.#thrown.add(error)
      throw error
    }
  }

  /** Whether the error was thrown by a callback. */
  threw(error: unknown): error is Error {
    return isError(error) && this.#thrown.has(error)
  }
}
