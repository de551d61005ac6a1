import { Duplex } from 'node:stream'
import { blockSizeOf } from '../digest/blocks.js'
import { checkFunction, checkKeys } from '../options.js'
import type { Entry } from '../wire/entry.js'
import type { Run } from '../wire/run.js'
import type { Callback } from './bytes/pump.js'
import type { Lane, LaneOutlet } from './lanes/lane.js'
import { LaneSet } from './lanes/lane-set.js'
import { type Item, withoutBytes } from './river/items.js'
import { checkPlace, watchNext } from './river/place.js'

/** Options of {@link spreader}. */
export interface SpreaderOptions {
  /** Whether an entry can be read again: what cannot be lost with a connection goes over the first. */
  isRereadable: (entry: Entry) => boolean
  /** Called when nothing more is given out, since a lane is too far behind the others. */
  onHeld?: () => void
}

/** Items that may wait for the first connection, where their data went over others: they are short. */
const MOST_WAITING = 64

/**
 * What may be said of files while data that a lane was given before is on its way: the peer keeps that until the data
 * came. Far below what it keeps at most: when that is full it stops reading the first connection. If the lane were lost
 * then, its data would come over that very connection, behind what is not read, and neither side would ever go on.
 */
const MOST_AHEAD = 512

/**
 * Spreads the data of a river over further connections, the **lanes**, once there are any: each run goes where there is
 * room, and a block from its beginning to its end over one connection. All else goes on as it came: of what went over a
 * lane only the digests. Behind it belongs the `framer` of the first connection.
 */
export class Spreader extends Duplex {
  readonly #isRereadable: SpreaderOptions['isRereadable']
  readonly #onHeld: () => void
  readonly #lanes = new LaneSet()
  /** Whether the first connection takes data. */
  #hasRoom = false
  /** Where the block goes that has begun, and where its next bytes stand; undefined is the first connection. */
  #block: { to: Lane | undefined; next: number } | undefined
  #waiting: (() => void) | undefined
  /** How often something was said of files, over the first connection. */
  #said = 0

  constructor(options: SpreaderOptions) {
    checkKeys('options', options, { isRereadable: true, onHeld: true })
    checkFunction('isRereadable', options.isRereadable)
    super({ objectMode: true, readableHighWaterMark: 1, writableHighWaterMark: 1 })
    this.#isRereadable = options.isRereadable
    this.#onHeld = options.onHeld ?? (() => {})
    watchNext('spreader', this)
  }

  /** From now on data may go over a lane, too. */
  open(number: number, outlet: LaneOutlet): void {
    this.#lanes.open(number, outlet, this.#wake)
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
  over(number: number): ReturnType<LaneSet['over']> {
    const rest = this.#lanes.over(number)
    this.#wake()
    return rest
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
    for (const [, lane] of this.#lanes) lane.close()
    done(error)
  }

  readonly #wake = (): void => {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.()
  }

  /** `false` if there is no room for it. */
  #give(item: Item): boolean {
    if (this.#lanes.isBehind(this.#said, MOST_AHEAD)) {
      this.#onHeld()
      return false
    }
    if (item.kind !== 'run' || item.length === 0) return this.#push(item, false)
    if (item.isProof) return this.#push(withoutBytes(item), false)
    const lane = this.#wayOf(item)
    if (lane === null || (lane ? !lane.hasRoom : !this.#hasRoom)) return false
    this.#block = endsInBlock(item) ? { to: lane, next: item.position + item.length } : undefined
    if (!lane) return this.#push(item, true)
    lane.send(item, this.#said)
    if (!endsFile(item)) return true
    this.#said++
    this.push(withoutBytes(item))
    return true
  }

  /** Over what data goes: a lane, the first connection (undefined), or nothing yet (null). */
  #wayOf(run: Run): Lane | undefined | null {
    if (this.#lanes.isEmpty || !this.#mayBeLost(run)) return undefined
    if (this.#block?.next !== run.position) return this.#lanes.choose(this.#hasRoom)
    return this.#block.to?.isOpen ? this.#block.to : undefined
  }

  #push(item: Item, isData: boolean): boolean {
    const hasRoom = this.#hasRoom || (!isData && !this.#lanes.isEmpty && this.readableLength < MOST_WAITING)
    if (!hasRoom) return false
    this.#hasRoom = false
    if (item.kind !== 'run' || endsFile(item)) this.#said++
    this.push(item)
    return true
  }

  /** What cannot be read again must not, and what was lost before comes over the first connection. */
  #mayBeLost(run: Run): boolean {
    const { cuts, entries, first, last } = run
    if (cuts || this.#lanes.hasLost(run)) return false
    for (let index = first; index <= last; index++) {
      const entry = entries[index]!
      if (entry.type === 'file' && !this.#isRereadable(entry)) return false
    }
    return true
  }
}

/** Whether a file ends in a run: the digest of it is said. */
function endsFile({ first, last, ends }: Run): boolean {
  return first < last || ends
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
