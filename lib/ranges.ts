/** The bytes from `start` up to, but not including, `end`. */
export interface Range {
  start: number
  end: number
}

/** Bytes that are read, compared or copied at once. */
export const PIECE = 1024 * 1024

/** The pieces in which a range is read, the first one first. */
export function* inPieces({ start, end }: Range, most = PIECE): Generator<Range, void> {
  for (let at = start; at < end; at += most) yield { start: at, end: Math.min(at + most, end) }
}

/** A set of bytes, kept as ranges that do not touch each other. Pure. */
export class Ranges {
  /** Starts and ends by turns, ascending: [s0, e0, s1, e1, …]. */
  #edges: number[] = []
  #size = 0

  /** The set of the bytes of one range. */
  static of(start: number, end: number): Ranges {
    const ranges = new Ranges()
    ranges.add(start, end)
    return ranges
  }

  /** The set of the bytes of several. */
  static from(ranges: readonly Range[]): Ranges {
    const all = new Ranges()
    for (const { start, end } of ranges) all.add(start, end)
    return all
  }

  get isEmpty(): boolean {
    return this.#edges.length === 0
  }

  /** The end of the last byte of the set; 0 if there is none. */
  get end(): number {
    return this.#edges.at(-1) ?? 0
  }

  /** How many bytes are in the set. */
  get size(): number {
    return this.#size
  }

  /** Adds the bytes from `start` up to, but not including, `end`. */
  add(start: number, end: number): void {
    if (end <= start) return
    const edges = this.#edges
    // the ordinary case: a file that grows at its end
    if (edges.length > 0 && edges.at(-1) === start) {
      edges[edges.length - 1] = end
      this.#size += end - start
      return
    }
    // where the range begins or ends inside of another one, that goes on
    this.#setEdges(start, end, 0)
  }

  /** Takes the bytes from `start` up to, but not including, `end` out of the set. */
  remove(start: number, end: number): void {
    if (end <= start || this.isEmpty) return
    // where it begins or ends inside of a range, a piece of that is left
    this.#setEdges(start, end, 1)
  }

  /** Whether all bytes from `start` up to `end` are in the set. */
  covers(start: number, end: number): boolean {
    if (end <= start) return true
    const place = this.#placeAbove(start)
    return place % 2 === 1 && this.#edges[place]! >= end
  }

  /** Whether any byte from `start` up to `end` is in the set. */
  overlaps(start: number, end: number): boolean {
    if (end <= start) return false
    const place = this.#placeAbove(start)
    return place % 2 === 1 || (this.#edges[place] ?? end) < end
  }

  /** The first range of the set that has bytes at or after `from`, without those before; undefined if there is none. */
  next(from: number): Range | undefined {
    const place = this.#placeAbove(from)
    if (place === this.#edges.length) return undefined
    return place % 2 === 1
      ? { start: from, end: this.#edges[place]! }
      : { start: this.#edges[place]!, end: this.#edges[place + 1]! }
  }

  /** The ranges in ascending order. */
  toArray(): Range[] {
    const ranges: Range[] = []
    for (let i = 0; i < this.#edges.length; i += 2)
      ranges.push({ start: this.#edges[i]!, end: this.#edges[i + 1]! })
    return ranges
  }

  clear(): void {
    this.#edges = []
    this.#size = 0
  }

  /** Puts `start` and `end` in the place of the edges between them, each if the place of its edge is odd or even. */
  #setEdges(start: number, end: number, parity: 0 | 1): void {
    const from = this.#placeAbove(start - 1)
    const to = this.#placeAbove(end)
    const edges: number[] = []
    if (from % 2 === parity) edges.push(start)
    if (to % 2 === parity) edges.push(end)
    const old = this.#edges.splice(from, to - from, ...edges)
    this.#size += bytesOf(edges, from) - bytesOf(old, from)
  }

  /** The place of the first edge above a position; the number of edges if there is none. */
  #placeAbove(position: number): number {
    let low = 0
    let high = this.#edges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#edges[middle]! > position) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** What edges add to the size of a set, the first of them at `place`: a range is as long as its end less its start. */
function bytesOf(edges: readonly number[], place: number): number {
  return edges.reduce((sum, edge, i) => ((place + i) % 2 === 1 ? sum + edge : sum - edge), 0)
}
