import { errorOf } from '../../errors.js'

/** Calls what the caller gave, and knows again what that threw: it is no failure of the disk, whatever its code says. */
export class CallersCode {
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
