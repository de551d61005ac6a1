import { Transform, type TransformCallback } from 'node:stream'
import { SluiceError } from '../errors.js'
import type { Frame } from '../wire/frame-parser.js'
import { type Limits, limitsOf } from '../wire/limits.js'
import { ManifestReader, type Offer } from '../wire/manifest.js'
import type { DigestRecord } from '../wire/messages.js'
import type { PathRules } from '../wire/paths.js'
import type { Bitmap } from '../wire/positions.js'
import { Pump } from './bytes/pump.js'
import { Cutter } from './cutter.js'
import { digestLength } from './digest/digests.js'
import { type Cut, type Item, MOST_CUTS } from './items.js'

/** Options of {@link demuxer}. */
export interface DemuxerOptions extends Pick<PathRules, 'names' | 'platform'> {
  limits?: Partial<Limits>
  /**
   * Asked once an offer is complete and checked, before anything of it is passed on. What it gives says which of the
   * entries will come, one bit each; without it, all. A rejection ends the stream with its error.
   */
  onOffer?: (offer: Offer) => Promise<Bitmap | undefined> | Bitmap | undefined
}

type State = 'offer' | 'entries' | 'data' | 'ended'

/**
 * Takes frames and gives items: learns the offers, cuts the data by its position in the stream, refuses bytes outside
 * the plan, gaps that nothing explains, and an end without a digest for every file.
 *
 * Errors: `ERR_PROTOCOL`, `ERR_LIMIT`, `ERR_PATH`, `ERR_UNSUPPORTED` (hash algorithm), `ERR_TRUNCATED`.
 */
export class Demuxer extends Transform {
  readonly #manifest: ManifestReader
  readonly #cutter = new Cutter()
  readonly #onOffer: NonNullable<DemuxerOptions['onOffer']>
  readonly #pump = new Pump<Item>(this)
  #state: State = 'offer'

  constructor({ limits, names, platform, onOffer = () => undefined }: DemuxerOptions = {}) {
    super({ objectMode: true, highWaterMark: 1 })
    this.#manifest = new ManifestReader(limitsOf(limits), { names, platform })
    this.#onOffer = onOffer
  }

  override _transform(frame: Frame, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      const taken = this.#take(frame)
      if (taken === undefined) done()
      else if ('entries' in taken) this.#accept(taken).then(() => done(), done)
      else this.#pump.take(taken, done)
    } catch (error) {
      done(error as Error)
    }
  }

  /** Also in the middle of a frame: a million folders may come at its end. */
  override _read(size: number): void {
    if (!this.#pump.resume()) super._read(size)
  }

  override _flush(done: TransformCallback): void {
    if (this.#state === 'ended') return done()
    done(new SluiceError('ERR_TRUNCATED', 'the stream ended before the end of the transfer'))
  }

  /** Gives the offer, when this frame completes one, or the items that it brings. */
  #take(frame: Frame): Offer | Iterator<Item> | undefined {
    if (frame.kind === 'data') {
      this.#expect('data', 'data')
      return runsOf(this.#cutter.cut(frame.position, frame.length, frame.chunks))
    }
    const { message, size } = frame
    switch (message.type) {
      case 'offer':
        this.#expect('an offer', 'offer', 'data')
        this.#state = 'entries'
        return this.#manifest.offer(message)
      case 'entries':
        this.#expect('entries', 'entries')
        return this.#manifest.entries(message, size)
      case 'digests':
        this.#expect('digests', 'data')
        return this.#digests(message.digests)
      case 'end':
        this.#expect('the end', 'data')
        return this.#end()
      default:
        throw new SluiceError('ERR_PROTOCOL', `${message.type} does not belong into the river`)
    }
  }

  async #accept(offer: Offer): Promise<void> {
    const length = digestLength(offer.algorithm)
    const want = await this.#onOffer(offer)
    this.#cutter.add(offer, length, want)
    this.#state = 'data'
    this.push({ kind: 'offer', offer, ...(want && { want }) } satisfies Item)
  }

  *#digests(records: readonly DigestRecord[]): Generator<Item, void> {
    const digests = yield* runsOf(this.#cutter.digests(records))
    yield { kind: 'digests', digests }
  }

  *#end(): Generator<Item, void> {
    yield* runsOf(this.#cutter.finish())
    this.#state = 'ended'
  }

  #expect(what: string, ...states: State[]): void {
    if (states.includes(this.#state)) return
    throw new SluiceError('ERR_PROTOCOL', `the peer sent ${what} where it does not belong`, {
      expected: states,
      found: this.#state,
    })
  }
}

/** Runs of a bounded number of cuts; gives what the cuts end with. */
function* runsOf<T>(cuts: Generator<Cut, T>): Generator<Item, T> {
  let run: Cut[] = []
  for (;;) {
    const { value, done } = cuts.next()
    if (!done) run.push(value)
    if (run.length === MOST_CUTS || (done && run.length > 0)) {
      yield runOf(run)
      run = []
    }
    if (done) return value
  }
}

function runOf(cuts: Cut[]): Item {
  const { entry, offset } = cuts[0]!
  const length = cuts.reduce((sum, { bytes }) => sum + bytes.length, 0)
  return { kind: 'run', position: entry.start + offset, length, cuts }
}

/** @see Demuxer */
export function demuxer(options?: DemuxerOptions): Demuxer {
  return new Demuxer(options)
}
