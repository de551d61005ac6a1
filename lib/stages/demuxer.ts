import { Transform, type TransformCallback } from 'node:stream'
import { SluiceError } from '../errors.js'
import type { Frame } from '../wire/frame-parser.js'
import { type Limits, limitsOf } from '../wire/limits.js'
import { ManifestReader, type Offer } from '../wire/manifest.js'
import type { DigestRecord } from '../wire/messages.js'
import type { PathRules } from '../wire/paths.js'
import type { Bitmap } from '../wire/positions.js'
import { Cutter } from './cutter.js'
import { digestLength } from './digests.js'
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
  #state: State = 'offer'

  constructor({ limits, names, platform, onOffer = () => undefined }: DemuxerOptions = {}) {
    super({ objectMode: true, highWaterMark: 1 })
    this.#manifest = new ManifestReader(limitsOf(limits), { names, platform })
    this.#onOffer = onOffer
  }

  override _transform(frame: Frame, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      const offer = this.#take(frame)
      if (offer === undefined) return done()
      this.#accept(offer).then(() => done(), done)
    } catch (error) {
      done(error as Error)
    }
  }

  override _flush(done: TransformCallback): void {
    if (this.#state === 'ended') return done()
    done(new SluiceError('ERR_TRUNCATED', 'the stream ended before the end of the transfer'))
  }

  /** Gives the offer, when this frame completes one. */
  #take(frame: Frame): Offer | undefined {
    if (frame.kind === 'data') {
      this.#expect('data', 'data')
      this.#give(this.#cutter.cut(frame.position, frame.length, frame.chunks))
      return undefined
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

  #digests(records: readonly DigestRecord[]): undefined {
    const cuts: Cut[] = []
    const digests = this.#cutter.digests(records, cuts)
    this.#give(cuts)
    this.push({ kind: 'digests', digests } satisfies Item)
  }

  #end(): undefined {
    const cuts: Cut[] = []
    this.#cutter.finish(cuts)
    this.#give(cuts)
    this.#state = 'ended'
  }

  /** As runs of a bounded number of cuts. */
  #give(cuts: readonly Cut[]): void {
    for (let from = 0; from < cuts.length; from += MOST_CUTS) {
      const some = cuts.slice(from, from + MOST_CUTS)
      const { entry, offset } = some[0]!
      const length = some.reduce((sum, { bytes }) => sum + bytes.length, 0)
      this.push({ kind: 'run', position: entry.start + offset, length, cuts: some } satisfies Item)
    }
  }

  #expect(what: string, ...states: State[]): void {
    if (states.includes(this.#state)) return
    throw new SluiceError('ERR_PROTOCOL', `the peer sent ${what} where it does not belong`, {
      expected: states,
      found: this.#state,
    })
  }
}

/** @see Demuxer */
export function demuxer(options?: DemuxerOptions): Demuxer {
  return new Demuxer(options)
}
