import { Duplex } from 'node:stream'
import { blockSizeOf } from '../digest/blocks.js'
import { checkFunction, checkKeys } from '../options.js'
import type { Entry } from '../wire/entry.js'
import type { Run } from '../wire/run.js'
import type { Callback } from './bytes/pump.js'
import { Lane, type LaneOutlet } from './lanes/lane.js'
import type { Item } from './river/items.js'
import { checkPlace, watchNext } from './river/place.js'

/** Options of {@link spreader}. */
export interface SpreaderOptions {
  /** Whether an entry can be read again: what cannot be lost with a connection goes over the first. */
  isRereadable: (entry: Entry) => boolean
}

/** Items that may wait for the first connection, where their data went over others: they are short. */
const MOST_WAITING = 64

/**
 * Spreads the data of a river over further connections, the **lanes**, once there are any: each run goes where there is
 * room, and a block from its beginning to its end over one connection. All else goes on as it came: of what went over a
 * lane only the digests. Behind it belongs the `framer` of the first connection.
 */
export class Spreader extends Duplex {
  readonly #isRereadable: SpreaderOptions['isRereadable']
  /** By their numbers, in the order in which they came. */
  readonly #lanes = new Map<number, Lane>()
  /** Whether the first connection takes data. */
  #hasRoom = false
  /** Where the block goes that has begun, and where its next bytes stand; undefined is the first connection. */
  #block: { to: Lane | undefined; next: number } | undefined
  /** The lane that was chosen last. */
  #last: Lane | undefined
  #waiting: (() => void) | undefined

  constructor(options: SpreaderOptions) {
    checkKeys('options', options, { isRereadable: true })
    checkFunction('isRereadable', options.isRereadable)
    super({ objectMode: true, readableHighWaterMark: 1, writableHighWaterMark: 1 })
    this.#isRereadable = options.isRereadable
    watchNext('spreader', this)
  }

  /** From now on data may go over a lane, too. */
  open(number: number, outlet: LaneOutlet): void {
    this.#lanes.set(number, new Lane(outlet, this.#wake))
    this.#wake()
  }

  /** No data goes over a lane any more; what it has is kept until {@link over}. */
  close(number: number): void {
    this.#lanes.get(number)?.close()
    this.#wake()
  }

  /** So many bytes came over a lane, in all, as the peer says. */
  came(number: number, bytes: number): void {
    this.#lanes.get(number)?.dealt.heard(bytes)
    this.#wake()
  }

  /** Nothing more comes over a lane: gives what did not. */
  over(number: number): ReturnType<Lane['dealt']['rest']> {
    const lane = this.#lanes.get(number)
    this.#lanes.delete(number)
    lane?.close()
    return lane?.dealt.rest() ?? []
  }

  /** What is underway over each lane, and what came. */
  *lanes(): Generator<[number: number, dealt: Lane['dealt']]> {
    for (const [number, { dealt }] of this.#lanes) yield [number, dealt]
  }

  override _write(item: Item, encoding: BufferEncoding, done: Callback): void {
    try {
      checkPlace('spreader', item)
      if (this.#give(item)) done()
      else this.#waiting = () => this._write(item, encoding, done)
    } catch (error) {
      done(error as Error)
    }
  }

  override _final(done: Callback): void {
    this.push(null)
    done()
  }

  override _read(): void {
    this.#hasRoom = true
    this.#wake()
  }

  override _destroy(error: Error | null, done: Callback): void {
    for (const lane of this.#lanes.values()) lane.close()
    done(error)
  }

  readonly #wake = (): void => {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.()
  }

  /** `false` if there is no room for it. */
  #give(item: Item): boolean {
    const isData = item.kind === 'run' && !item.isProof && item.length > 0
    if (!isData || this.#lanes.size === 0 || !this.#mayBeLost(item)) return this.#push(item, isData)
    const isGoingOn = this.#block?.next === item.position
    const to = isGoingOn ? this.#block!.to : this.#choose()
    if (to === null) return false
    const lane = to?.isOpen ? to : undefined
    if (lane ? !lane.hasRoom : !this.#hasRoom) return false
    this.#block = endsInBlock(item) ? { to: lane, next: item.position + item.length } : undefined
    if (!lane) return this.#push(item, true)
    lane.send(item)
    this.#last = lane
    // as of what is only proved, nothing but the digests
    if (item.first < item.last || item.ends) this.push({ ...item, isProof: true, buffers: [] } satisfies Run)
    return true
  }

  /** Where there is room, one after the other: a lane, the first connection (undefined), or nowhere (null). */
  #choose(): Lane | undefined | null {
    const lanes = [...this.#lanes.values()]
    const at = this.#last ? lanes.indexOf(this.#last) + 1 : 0
    const next = [...lanes.slice(at), undefined, ...lanes.slice(0, at)]
    const found = next.findIndex((lane) => (lane ? lane.hasRoom : this.#hasRoom))
    if (found < 0) return null
    this.#last = next[found]
    return next[found]
  }

  #push(item: Item, isData: boolean): boolean {
    const hasRoom = this.#hasRoom || (!isData && this.#lanes.size > 0 && this.readableLength < MOST_WAITING)
    if (!hasRoom) return false
    this.#hasRoom = false
    this.push(item)
    return true
  }

  #mayBeLost({ cuts, entries, first, last }: Run): boolean {
    if (cuts) return false
    for (let index = first; index <= last; index++) {
      const entry = entries[index]!
      if (entry.type === 'file' && !this.#isRereadable(entry)) return false
    }
    return true
  }
}

/** Whether a run ends in the middle of a block. */
function endsInBlock({ entries, last, position, length }: Run): boolean {
  const { start, size } = entries[last]!
  const end = position + length - start
  return end < size! && end % blockSizeOf(size) > 0
}

/** @see Spreader */
export function spreader(options: SpreaderOptions): Spreader {
  return new Spreader(options)
}
