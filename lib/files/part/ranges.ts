/** Which bytes are there: the ranges that were added, joined where they touch. Pure. */
export class Ranges {
  /** Starts and ends by turns, ascending: [s0, e0, s1, e1, …]. */
  #edges: number[] = []

  /** Adds the bytes from `start` up to, but not including, `end`. */
  add(start: number, end: number): void {
    if (end <= start) return
    const edges = this.#edges
    // the ordinary case: a file that grows at its end
    if (edges.length > 0 && edges.at(-1) === start) {
      edges[edges.length - 1] = end
      return
    }
    const from = this.#first((edge) => edge >= start)
    const to = this.#first((edge) => edge > end)
    // an odd place lies inside of a range, which then goes on
    const joined = [...(from % 2 === 0 ? [start] : []), ...(to % 2 === 0 ? [end] : [])]
    edges.splice(from, to - from, ...joined)
  }

  /** Whether all bytes from `start` up to `end` are there. */
  covers(start: number, end: number): boolean {
    if (end <= start) return true
    const place = this.#first((edge) => edge > start)
    return place % 2 === 1 && this.#edges[place]! >= end
  }

  clear(): void {
    this.#edges = []
  }

  #first(holds: (edge: number) => boolean): number {
    let low = 0
    let high = this.#edges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (holds(this.#edges[middle]!)) high = middle
      else low = middle + 1
    }
    return low
  }
}
