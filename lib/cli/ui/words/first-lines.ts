/** Lines of one kind that people read, at most. */
const MOST = 20

/** Of lines of one kind, of which there may be any number, the first ones; and then that there are more. */
export class FirstLines {
  readonly #show: (line: string) => void
  readonly #kind: string
  #count = 0

  /** @param kind what each begins with, as 'warning' */
  constructor(kind: string, show: (line: string) => void) {
    this.#kind = kind
    this.#show = show
  }

  add(text: string): void {
    this.#count++
    if (this.#count <= MOST) this.#show(`${this.#kind}: ${text}`)
    else if (this.#count === MOST + 1) this.#show(`${this.#kind}: and more; --log FILE keeps all of them`)
  }
}
