import type { Progress } from '../../transfer/progress.js'
import type { CliEvent } from './events.js'
import { type Aside, ProgressView } from './live/progress.js'
import type { Screen } from './live/screen.js'

/** Milliseconds between two progress events of `--json`. */
const JSON_INTERVAL = 500

/** Shows how far something is that runs, until it is over. */
export class Running {
  readonly #screen: Screen
  readonly #tell: (event: CliEvent) => void
  readonly #now: () => number
  readonly #id: () => string
  readonly #view: ProgressView
  #told = Number.NEGATIVE_INFINITY

  /**
   * @param id of the transfer, '' until it is known
   * @param aside see {@link ProgressView}
   */
  constructor(
    to: { screen: Screen; tell: (event: CliEvent) => void; now: () => number },
    id: () => string,
    aside?: Aside,
  ) {
    this.#screen = to.screen
    this.#tell = to.tell
    this.#now = to.now
    this.#id = id
    this.#view = new ProgressView(to.now, aside)
  }

  progress(progress: Progress): void {
    const view = this.#view
    view.update(progress)
    this.#screen.show(view, (columns, others) => view.lines(columns, others))
    if (this.#now() - this.#told < JSON_INTERVAL) return
    this.#told = this.#now()
    this.#tell({ event: 'progress', id: this.#id() || undefined, ...progress })
  }

  over(): void {
    this.#screen.over(this.#view)
  }
}
