/** What a source waits for: a change of its plan, or the end of a pause. Once it is over it waits for nothing. Pure. */
export class WakeUps {
  #isChanged = false
  #isHeld = false
  #isOver = false
  #wake = () => {}

  /** The plan was changed, or is to be looked at. */
  change(): void {
    this.#isChanged = true
    this.#wake()
  }

  /** Whether nothing is to be read for a while. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#wake()
  }

  /** Nobody reads any more. */
  end(): void {
    this.#isOver = true
    this.#wake()
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get isHeld(): boolean {
    return this.#isHeld && !this.#isOver
  }

  /** The plan is looked at: only what changes from now on counts. */
  look(): void {
    this.#isChanged = false
  }

  /** Resolves when the plan was changed since it was looked at. */
  async changed(): Promise<void> {
    while (!this.#isChanged && !this.#isOver) await this.next()
  }

  /** Resolves when the plan was changed, or a pause has begun or ended. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
