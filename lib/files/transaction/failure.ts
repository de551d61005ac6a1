import { printable, SluiceError } from '../../errors.js'

/** What makes a transaction fail; from then on nobody waits for what its writes are still to be given. */
export class Failure {
  readonly #id: string
  readonly #signal: AbortSignal | undefined
  #unwanted = new AbortController()
  readonly #cancel = () => {
    const message = `transaction ${printable(this.#id)} was cancelled; everything is as it was`
    this.#cancelled = new SluiceError('ERR_CANCELLED', message, { cause: this.#signal?.reason })
    this.fail(this.#cancelled)
  }
  #cancelled: Error | undefined
  #error: Error | undefined

  constructor(id: string, signal: AbortSignal | undefined) {
    this.#id = id
    this.#signal = signal
    if (signal?.aborted) this.#cancel()
    else signal?.addEventListener('abort', this.#cancel)
  }

  /** Aborted where the sources of the writes that run now are not wanted any more. */
  get unwanted(): AbortSignal {
    return this.#unwanted.signal
  }

  /** The first failure. */
  get error(): Error | undefined {
    return this.#error
  }

  /** An operation failed: the others are given up, too. */
  fail(error: Error): void {
    this.#error ??= error
    this.stop(error)
  }

  /** The sources of the writes that run now are read no further. */
  stop(why: unknown): void {
    const unwanted = this.#unwanted
    // an operation that comes later is looked at on its own
    this.#unwanted = new AbortController()
    unwanted.abort(why)
  }

  /** Throws `ERR_CANCELLED` where the signal said so. */
  checkWanted(): void {
    if (this.#cancelled) throw this.#cancelled
  }

  /** Waits for the operations, and throws what a commit is to say if one failed. */
  async settled(running: Iterable<Promise<void>>): Promise<void> {
    if (this.#error) this.stop(this.#error)
    await Promise.all(running)
    this.checkWanted()
    const error = this.#error
    if (!error) return
    const message = `transaction ${printable(this.#id)} is not committed, since an operation failed: ${error.message}`
    const path = error instanceof SluiceError ? error.path : undefined
    throw new SluiceError('ERR_TRANSACTION', message, { path, cause: error })
  }

  /** The signal is listened to no more. */
  end(): void {
    this.#signal?.removeEventListener('abort', this.#cancel)
  }
}
