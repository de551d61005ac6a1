import type { Range } from '../../lib/ranges.js'
import type { Piece } from '../../lib/transfer/plan/pieces.js'
import type { Offer } from '../../lib/wire/entry.js'
import { makeOffer } from './make-offer.js'

/** What an entry of a test is: a folder, a link, or a file of that many bytes (`null`: not known beforehand). */
export type Kind = 'folder' | 'link' | number | null

/** An offer that goes on from those before it. Names do not matter to a plan. */
export function offerOf(kinds: readonly Kind[], before: readonly Offer[] = []): Offer {
  const last = before.at(-1)
  const from = last && { first: last.first + last.entries.length, position: last.position + last.bytes }
  const entries = kinds.map((kind, i) => ({
    type:
      kind === 'folder' ? ('directory' as const) : kind === 'link' ? ('symlink' as const) : ('file' as const),
    path: `${(from?.first ?? 0) + i}`,
    size: typeof kind === 'string' ? 0 : kind,
    mtime: 0,
    mode: 0o644,
    ...(kind === 'link' && { target: 'x' }),
  }))
  return makeOffer({ id: '0'.repeat(32), name: '', algorithm: 'sha256' }, entries, from)
}

export type State = 'absent' | 'coming' | 'claimed' | 'there'

/**
 * How many bytes of an entry of unknown size the model has. The last one stands for all behind it: no test sends it.
 */
export const UNKNOWN = 24

interface ModelEntry {
  isFile: boolean
  /** `null` while it is not known. */
  size: number | null
  wasUnknown: boolean
  start: number
  /** One for each byte; one for an entry of no bytes. */
  bytes: State[]
  /** Those of `bytes` that were claimed, and proved, and not asked for again. */
  proved: Set<number>
  decision: 'none' | 'skipped' | 'wanted'
  /** Requests without an answer, also those of a closed file. */
  requests: number
  isAskedAgain: boolean
  wasAnswered: boolean
  hasFailed: boolean
  isClosed: boolean
}

/**
 * What a plan should say, in the plainest way: a list of entries with the state of every byte. Each change gives back
 * why it must be refused, as words that the error has to contain; then nothing is changed. Otherwise undefined.
 */
export class PlanModel {
  readonly entries: ModelEntry[] = []
  readonly offers: Offer[] = []
  undecided = 0
  isEnded = false
  cameBytes = 0

  /** The position behind the last entry of known size. */
  get end(): number {
    return this.entries.reduce((sum, { size, wasUnknown }) => sum + (wasUnknown ? 0 : size!), 0)
  }

  get provedBytes(): number {
    return this.entries.reduce((sum, { proved }) => sum + proved.size, 0)
  }

  get hasUnknown(): boolean {
    return this.entries.some(({ wasUnknown }) => wasUnknown)
  }

  get wanted(): ModelEntry[] {
    return this.entries.filter(({ decision }) => decision === 'wanted')
  }

  get wantedBytes(): number | null {
    return this.wanted.reduce<number | null>(
      (sum, { size }) => (sum === null || size === null ? null : sum + size),
      0,
    )
  }

  /** How many bytes of an entry of known size are to come. */
  comingOf(index: number): number {
    const { size, bytes } = this.entries[index]!
    return size === 0 ? 0 : bytes.filter((state) => state === 'coming').length
  }

  add(offer: Offer): string | undefined {
    if (this.isEnded) return 'an offer after the end'
    this.offers.push(offer)
    for (const { type, size, start } of offer.entries)
      this.entries.push({
        isFile: type === 'file',
        size,
        wasUnknown: size === null,
        start,
        bytes: Array(size === null ? UNKNOWN : Math.max(size, 1)).fill('absent'),
        proved: new Set(),
        decision: 'none',
        requests: 0,
        isAskedAgain: false,
        wasAnswered: false,
        hasFailed: false,
        isClosed: false,
      })
    return undefined
  }

  decide(count: number, decision: 'skipped' | 'wanted'): string | undefined {
    if (this.undecided + count > this.entries.length)
      return `an answer about entry ${this.undecided + count - 1}`
    for (let i = 0; i < count; i++) {
      const entry = this.entries[this.undecided++]!
      entry.decision = decision
      if (decision === 'skipped' || entry.isClosed) continue
      entry.bytes.fill('coming')
      if (entry.isFile) entry.requests = 1
    }
    return undefined
  }

  claim(ranges: readonly Range[]): string | undefined {
    const index = this.undecided
    const why = this.#file(index) ?? this.#ranges(index, ranges)
    if (why) return why
    this.decide(1, 'wanted')
    if (!this.entries[index]!.isClosed) this.#fill(index, ranges, 'claimed')
    return undefined
  }

  ask(index: number, ranges: readonly Range[], claimed: readonly Range[] = []): string | undefined {
    const why = this.#file(index) ?? this.#ranges(index, [...ranges, ...claimed])
    if (why) return why
    const entry = this.entries[index]!
    if (entry.decision !== 'wanted') return 'a request for bytes that nobody wanted before'
    if (entry.isClosed) return undefined
    if (entry.requests === 255) return 'too many requests'
    entry.requests++
    entry.isAskedAgain = true
    this.#fill(index, claimed, 'claimed')
    this.#fill(index, ranges, 'coming')
    for (const { start, end } of ranges) for (let byte = start; byte < end; byte++) entry.proved.delete(byte)
    return undefined
  }

  prove(index: number, ranges: readonly Range[]): string | undefined {
    const why = this.#file(index) ?? this.#ranges(index, ranges)
    if (why) return why
    const entry = this.entries[index]!
    if (entry.isClosed) return undefined
    const proved = new Set<number>()
    for (const { start, end } of ranges)
      for (let byte = start; byte < Math.max(end, 1); byte++) {
        if (entry.bytes[byte] !== 'claimed' || proved.has(byte)) return 'proof of bytes that nobody claimed'
        proved.add(byte)
      }
    if (entry.size !== 0) for (const byte of proved) entry.proved.add(byte)
    this.#fill(index, ranges, 'there')
    return undefined
  }

  /** Why bytes at a position must be refused. Those that are taken are noted by {@link took}. */
  take(position: number, length: number): string | undefined {
    for (let at = position; at < position + length; ) {
      const index = this.entryAt(at)
      if (index === undefined) return `bytes at ${at}, beyond the end`
      const entry = this.entries[index]!
      const { start, bytes, decision, isClosed, requests } = entry
      const end = Math.min(position + length - start, entry.size === null ? UNKNOWN : entry.size)
      const states = bytes.slice(at - start, end)
      const isLate = isClosed && requests > 0
      if (!isLate && states.some((state) => state !== 'coming')) {
        const why =
          decision === 'skipped'
            ? 'that are to be skipped'
            : decision === 'none'
              ? 'before the answer'
              : isClosed
                ? 'after the outcome'
                : states.includes('there')
                  ? 'that came already'
                  : states.includes('claimed')
                    ? 'that are only to be proved'
                    : 'that were given up'
        return `bytes at ${at} ${why}`
      }
      at = start + end
    }
    return undefined
  }

  entryAt(position: number): number | undefined {
    const index = this.entries.findIndex(
      ({ start, size, bytes }) => position >= start && position < start + (size ?? bytes.length),
    )
    return index < 0 ? undefined : index
  }

  /**
   * Notes a piece that the plan gave, and says what is wrong with it: by its own rules, and since each byte, and each
   * entry of no bytes, may be in a piece only while it is to come, which is only once for each time it is asked for.
   */
  took(piece: Piece, most: number): string | undefined {
    const { position, length, first, last, offset, ends, isLate } = piece
    if (first < 0 || last < first || last >= this.entries.length) return 'entries that there are not'
    if (last - first >= most) return 'too many entries'
    if (position !== this.entries[first]!.start + offset) return 'a position that is not that of its entry'
    let at = position
    for (let index = first; index <= last; index++) {
      const entry = this.entries[index]!
      const { size, start, bytes } = entry
      if (at < start || (index > first && at !== start)) return 'a gap'
      if (isLate) {
        if (first !== last || !entry.isClosed || entry.requests === 0) return 'late bytes that are none'
        if (ends !== (at + length - start === size)) return 'a wrong end'
        return undefined
      }
      if (entry.decision !== 'wanted' || entry.isClosed) return 'an entry that is not wanted'
      const from = at - start
      const to = index < last ? size! : position + length - start
      if (size === 0 ? to !== 0 : from >= to) return 'an entry without any of its bytes'
      if (size !== null && to > size) return 'more than the entry has'
      for (let byte = from; byte < Math.max(to, from + 1); byte++) {
        if (bytes[byte] !== 'coming') return `byte ${byte} of entry ${index}, which is not to come`
        bytes[byte] = 'there'
      }
      if (index === last && ends !== (to === size)) return 'a wrong end'
      at = start + to
    }
    if (at !== position + length) return 'a wrong length'
    this.cameBytes += length
    return undefined
  }

  /** Whether an entry of no bytes below `index` is still to come. */
  isAnyDueBelow(index: number): boolean {
    return this.entries.slice(0, index).some(({ size, bytes }) => size === 0 && bytes[0] === 'coming')
  }

  setSize(index: number, size: number): string | undefined {
    const why = this.#file(index)
    if (why) return why
    const entry = this.entries[index]!
    if (entry.wasUnknown && entry.size === size) return undefined
    if (entry.size !== null) return `a size of ${size} after one of ${entry.size}`
    if (entry.decision !== 'wanted') return 'the size of what is not wanted'
    if (entry.isClosed) return undefined
    if (entry.bytes.slice(size).includes('there')) return `a size of ${size} after more bytes`
    entry.size = size
    entry.bytes = size === 0 ? ['there'] : entry.bytes.slice(0, size)
    return undefined
  }

  answer(index: number, failed: boolean): string | undefined {
    const why = this.#file(index)
    if (why) return why
    const entry = this.entries[index]!
    if (entry.requests === 0) return `${failed ? 'a failure' : 'a digest'} that nobody waits for`
    const isLast = entry.requests === 1
    const mayLack = failed || entry.hasFailed
    if (isLast && !mayLack && entry.bytes.includes('coming')) return 'a digest before the last byte'
    entry.requests--
    entry.isAskedAgain &&= !isLast
    entry.wasAnswered = true
    entry.hasFailed = mayLack && !isLast
    if (isLast) entry.bytes = entry.bytes.map((state) => (state === 'coming' ? 'absent' : state))
    return undefined
  }

  close(index: number): void {
    const entry = this.entries[index]!
    entry.isClosed = true
    entry.bytes.fill('absent')
  }

  finish(): string | undefined {
    if (this.isEnded) return 'the end twice'
    if (this.undecided < this.entries.length) return 'the end before an answer to its offer'
    if (this.wanted.some((entry) => entry.isFile && !entry.isClosed && !entry.wasAnswered))
      return 'the end before the digest of'
    this.isEnded = true
    return undefined
  }

  /** The ranges of an entry whose bytes are in one of some states. An entry of unknown size has no end. */
  ranges(index: number, ...states: State[]): Range[] {
    const { bytes, size, start } = this.entries[index]!
    const ranges: Range[] = []
    for (const [i, state] of bytes.entries()) {
      if (!states.includes(state)) continue
      const before = ranges.at(-1)
      if (before?.end === i) before.end++
      else ranges.push({ start: i, end: i + 1 })
    }
    const last = ranges.at(-1)
    if (size === 0 && last) last.end = 0
    if (size === null && last?.end === UNKNOWN) last.end = Number.MAX_SAFE_INTEGER - start
    return ranges
  }

  #file(index: number): string | undefined {
    const entry = this.entries[index]
    if (entry === undefined) return `something about entry ${index}, of ${this.entries.length}`
    return entry.isFile ? undefined : 'something that can be said only of files'
  }

  #ranges(index: number, ranges: readonly Range[]): string | undefined {
    const { size } = this.entries[index]!
    const wrong = ranges.find(({ start, end }) =>
      size === 0
        ? start !== 0 || end > 1
        : start < 0 || end <= start || end > (size ?? Number.MAX_SAFE_INTEGER),
    )
    return wrong && `a range from ${wrong.start} to ${wrong.end}, which are not bytes`
  }

  #fill(index: number, ranges: readonly Range[], state: State): void {
    const { size, bytes } = this.entries[index]!
    for (const { start, end } of ranges) bytes.fill(state, start, size === 0 ? 1 : end)
  }
}
