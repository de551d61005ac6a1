import { isSluiceError, printable, SluiceError } from '../../errors.js'

/** The first failure of a transaction. From then on sources of running writes are not read any further. */
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
  #path: string | undefined

  constructor(id: string, signal: AbortSignal | undefined) {
    this.#id = id
    this.#signal = signal
    if (signal?.aborted) this.#cancel()
    else signal?.addEventListener('abort', this.#cancel)
  }

  /** Aborted when the sources of the running writes are not wanted any more. */
  get unwanted(): AbortSignal {
    return this.#unwanted.signal
  }

  /** The first failure. */
  get error(): Error | undefined {
    return this.#error
  }

  /** What it was about, where that is known. */
  get path(): string | undefined {
    return this.#path
  }

  /**
   * An operation failed: the running ones are cancelled, too.
   * @param about the path of the operation, for an error that names none
   */
  fail(error: Error, about?: string): void {
    this.#path ??= pathOf(error) ?? about
    this.#error ??= error
    this.stop(error)
  }

  /** Stops reading the sources of the running writes. */
  stop(why: unknown): void {
    const unwanted = this.#unwanted
    // a later operation gets a signal of its own
    this.#unwanted = new AbortController()
    unwanted.abort(why)
  }

  /** Throws `ERR_CANCELLED` if the signal was aborted. */
  checkWanted(): void {
    if (this.#cancelled) throw this.#cancelled
  }

  /** Waits for the operations; if one failed, throws the error for the commit. */
  async settled(running: Iterable<Promise<void>>): Promise<void> {
    if (this.#error) this.stop(this.#error)
    await Promise.all(running)
    this.checkWanted()
    const error = this.#error
    if (!error) return
    const message = `transaction ${printable(this.#id)} is not committed, since an operation failed: ${error.message}`
    throw new SluiceError('ERR_TRANSACTION', message, { path: this.#path, cause: error })
  }

  /** Stops listening to the signal. */
  end(): void {
    this.#signal?.removeEventListener('abort', this.#cancel)
  }
}

function pathOf(error: Error): string | undefined {
  return isSluiceError(error) ? error.path : undefined
}
