import type { Run } from '../../wire/run.js'
import type { DealtData } from './dealt-data.js'
import { Lane, type LaneOutlet } from './lane.js'

/** The lanes of a transfer at its sender, by their numbers, and what was lost with those that are no more. */
export class LaneSet {
  /** In the order in which they came. */
  readonly #lanes = new Map<number, Lane>()
  /** The one that was chosen last. */
  #last: Lane | undefined
  /** Where in the stream all lies that was lost. */
  #lost = { start: Number.POSITIVE_INFINITY, end: 0 }

  get isEmpty(): boolean {
    return this.#lanes.size === 0
  }

  /** @param woken told when there is room again */
  open(number: number, outlet: LaneOutlet, woken: () => void): void {
    this.#lanes.set(number, new Lane(outlet, woken))
  }

  get(number: number): Lane | undefined {
    return this.#lanes.get(number)
  }

  /** Nothing more comes over a lane: gives what did not. */
  over(number: number): ReturnType<DealtData['rest']> {
    const lane = this.#lanes.get(number)
    this.#lanes.delete(number)
    lane?.close()
    const rest = lane?.dealt.rest() ?? []
    for (const { position, length } of rest) {
      const { start, end } = this.#lost
      this.#lost = { start: Math.min(start, position), end: Math.max(end, position + length) }
    }
    return rest
  }

  /** Whether some of a run may be what was lost. */
  hasLost({ position, length }: Run): boolean {
    return position < this.#lost.end && position + length > this.#lost.start
  }

  /** Whether one has not brought yet what it was given `most` before `now`, as {@link Lane.send} was told. */
  isBehind(now: number, most: number): boolean {
    return [...this.#lanes.values()].some(
      ({ dealt: { oldest } }) => oldest !== undefined && now - oldest >= most,
    )
  }

  /** Where there is room, one after the other: a lane, the first connection (undefined), or nowhere (null). */
  choose(hasFirstRoom: boolean): Lane | undefined | null {
    const lanes = [...this.#lanes.values()]
    const at = this.#last ? lanes.indexOf(this.#last) + 1 : 0
    const next = [...lanes.slice(at), undefined, ...lanes.slice(0, at)]
    const found = next.findIndex((lane) => (lane ? lane.hasRoom : hasFirstRoom))
    if (found < 0) return null
    this.#last = next[found]
    return next[found]
  }

  [Symbol.iterator](): Iterator<[number, Lane]> {
    return this.#lanes[Symbol.iterator]()
  }
}
