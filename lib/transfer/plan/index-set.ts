/**
 * A set of entries, by their indices. It finds the next member after any index in a few steps, however many entries
 * lie between, so that no order in which a peer asks or sends makes a search slow. Pure; one bit for each entry.
 */
export class IndexSet {
  /**
   * The bits of the lowest level say which indices are in the set. A bit of a higher level says whether the word of 32
   * bits at its place one level lower has any bit set. The highest level is a single word.
   */
  #levels: Uint32Array[] = [new Uint32Array(1)]

  /** Makes room for indices below `length`. */
  grow(length: number): void {
    const words = Math.ceil(length / 32)
    const before = this.#levels[0]!
    if (words <= before.length) return
    // at least twice as many, so that many small offers are not copied over and over
    let level = new Uint32Array(Math.max(words, before.length * 2))
    level.set(before)
    this.#levels = [level]
    while (level.length > 1) {
      const above = new Uint32Array(Math.ceil(level.length / 32))
      for (const [word, bits] of level.entries()) if (bits !== 0) above[word >>> 5]! |= 1 << (word & 31)
      this.#levels.push(above)
      level = above
    }
  }

  has(index: number): boolean {
    return ((this.#levels[0]![index >>> 5] ?? 0) & (1 << (index & 31))) !== 0
  }

  /** Adds the indices from `first` up to `end`. */
  add(first: number, end = first + 1): void {
    let low = first
    let high = end - 1
    if (high < low) return
    for (const level of this.#levels) {
      for (let word = low >>> 5; word <= high >>> 5; word++) level[word]! |= bitsOf(word, low, high)
      low >>>= 5
      high >>>= 5
    }
  }

  /** Removes the indices from `first` up to `end`. */
  delete(first: number, end = first + 1): void {
    let low = first
    let high = end - 1
    if (high < low) return
    let below: Uint32Array | undefined
    for (const level of this.#levels) {
      if (below === undefined)
        for (let word = low >>> 5; word <= high >>> 5; word++) level[word]! &= ~bitsOf(word, low, high)
      // a bit of a higher level goes with the last one of its word
      else
        for (let place = low; place <= high; place++)
          if (below[place] === 0) level[place >>> 5]! &= ~(1 << (place & 31))
      below = level
      low >>>= 5
      high >>>= 5
    }
  }

  /** The smallest member that is at least `from`; undefined if there is none. */
  next(from: number): number | undefined {
    let place = from
    for (let height = 0; height < this.#levels.length; height++) {
      const word = place >>> 5
      const bits = (this.#levels[height]![word] ?? 0) & (-1 << (place & 31))
      if (bits !== 0) return this.#down(height, word * 32 + lowestBit(bits))
      place = word + 1
    }
    return undefined
  }

  /** The smallest member below a bit of a higher level. */
  #down(height: number, bit: number): number {
    let place = bit
    for (let level = height - 1; level >= 0; level--)
      place = place * 32 + lowestBit(this.#levels[level]![place]!)
    return place
  }
}

/** The bits of a word that stand for the places from `low` to `high`. */
function bitsOf(word: number, low: number, high: number): number {
  const from = word === low >>> 5 ? low & 31 : 0
  const to = word === high >>> 5 ? high & 31 : 31
  return (-1 << from) & (-1 >>> (31 - to))
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}
