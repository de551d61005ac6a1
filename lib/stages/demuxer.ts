import { Transform, type TransformCallback } from 'node:stream'
import { overSlices } from '../async.js'
import { digestLength } from '../digest/digests.js'
import { SluiceError } from '../errors.js'
import { checkKeys } from '../options.js'
import { addOffer } from '../transfer/plan/add-offer.js'
import { Plan } from '../transfer/plan.js'
import type { Offer } from '../wire/entry.js'
import type { Frame } from '../wire/frame-parser.js'
import { limitsOf } from '../wire/limits.js'
import { ManifestReader } from '../wire/manifest.js'
import type { Callback } from './bytes/pump.js'
import { DEMUXER_OPTIONS, type DemuxerOptions } from './demuxer/options.js'
import { Confluence } from './lanes/confluence.js'
import type { LaneInlet } from './lanes/lane-inlet.js'
import type { Item } from './river/items.js'
import { isAbout } from './river/items-of.js'
import { checkPlace, watchNext } from './river/place.js'

/** Names of the first offer that are taken in again, for a second one, between two turns of the event loop. */
const RECALLED = 1000

type State = 'offer' | 'entries' | 'data'

/**
 * Takes frames and gives items: learns the offers, cuts the data by its position in the stream into runs, refuses
 * bytes that the plan does not want, digests of blocks that neither came nor were claimed, chunks that nobody asked
 * for, and an end without a digest for every file. Behind the end it takes what was asked for again. The event
 * `entries` tells of those of the first offer page by page, once they were checked.
 *
 * Errors: `ERR_PROTOCOL`, `ERR_LIMIT`, `ERR_PATH`, `ERR_UNSUPPORTED` (hash algorithm); `ERR_TRUNCATED` if the input
 * ends before END, or before what was asked for again.
 */
export class Demuxer extends Transform {
  readonly plan: Plan
  /** Where the data of further connections joins. */
  readonly confluence: Confluence
  /** Where all goes that comes here, over a further connection of what another demuxer takes. */
  inlet: LaneInlet | undefined
  readonly #manifest: ManifestReader
  readonly #onOffer: NonNullable<DemuxerOptions['onOffer']>
  readonly #onCut: NonNullable<DemuxerOptions['onCut']>
  #state: State = 'offer'
  /** The attached offer about which it is being decided. */
  #attached: { offer: Offer; decided: Promise<void> } | undefined

  constructor(options: DemuxerOptions = {}) {
    checkKeys('options', options, DEMUXER_OPTIONS)
    const { limits, names, platform, plan = new Plan(), onOffer, onItem, onCut = () => {} } = options
    super({ objectMode: true, highWaterMark: 1 })
    this.plan = plan
    this.confluence = new Confluence(this, plan, onItem)
    const checked = limitsOf(limits)
    // where nobody decides, nobody waits to be asked
    if (!onOffer) checked.unaccepted = Number.POSITIVE_INFINITY
    this.#manifest = new ManifestReader(checked, { names, platform })
    this.#onOffer = onOffer ?? (() => {})
    this.#onCut = onCut
    watchNext('demuxer', this)
  }

  override _transform(frame: Frame, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      checkPlace('demuxer', frame)
      if (this.inlet) return this.inlet.write(frame, done)
      if (this.#attached && isAbout(frame, this.#attached.offer))
        return void this.#attached.decided.then(() => this._transform(frame, _encoding, done), done)
      const isOffer = frame.kind === 'message' && frame.message.type === 'offer'
      const again = () => (this.destroyed ? done() : this._transform(frame, _encoding, done))
      if (isOffer && this.#manifest.recall(RECALLED)) return void setImmediate(again)
      this.#take(frame, done)
    } catch (error) {
      done(error as Error)
    }
  }

  /** Also in the middle of a frame: a million folders may come at its end. */
  override _read(size: number): void {
    if (!this.confluence.resume()) super._read(size)
  }

  override _flush(done: TransformCallback): void {
    const { plan } = this
    if (this.inlet) return void Promise.resolve(this.#onCut()).then(() => done(), done)
    const [open] = plan.askedAgain()
    if (plan.isEnded && open === undefined) return done()
    const before = plan.isEnded ? `what was asked for again of entry ${open}` : 'the end of the transfer'
    const error = new SluiceError('ERR_TRUNCATED', `the stream ended before ${before}`)
    Promise.resolve(this.#onCut()).then(() => done(error), done)
  }

  /** Takes in what belongs to the offer; gives the items of all else. */
  #take(frame: Frame, done: Callback): void {
    if (frame.kind === 'data') {
      this.#expect('data', 'data')
      return this.confluence.data(frame, done)
    }
    const { message, payload } = frame
    switch (message.type) {
      case 'offer':
        this.#expect('an offer', 'offer', 'data')
        this.#state = 'entries'
        this.#manifest.offer(message, payload)
        return done()
      case 'entries':
        this.#expect('entries', 'entries')
        return this.#accept(this.#manifest.entries(message, payload), done)
      case 'blocks':
      case 'chunks':
      case 'digests':
      case 'end':
        this.#expect(message.type, 'data')
        return this.confluence.message(message, done)
      default:
        throw new SluiceError('ERR_PROTOCOL', `${message.type} does not belong into the river`)
    }
  }

  #accept(offer: Offer | undefined, done: Callback): void {
    if (!offer && this.plan.entries.length === 0) this.emit('entries', this.#manifest.page)
    if (offer) this.#learn(offer).then(() => done(), done)
    // a page of entries takes a few milliseconds, and many may have come at once: others have their turn
    else setImmediate(done)
  }

  async #learn(offer: Offer): Promise<void> {
    this.confluence.digestLength = digestLength(offer.algorithm)
    await addOffer(this.plan, offer)
    this.#state = 'data'
    const decided = this.#decide(offer)
    if (offer.first === 0) return decided
    this.#attached = { offer, decided }
    const settled = () => {
      this.#attached = undefined
    }
    decided.then(settled, (error) => this.destroy(error as Error))
  }

  async #decide(offer: Offer): Promise<void> {
    const { plan } = this
    const isRejected = (await this.#onOffer(offer, plan)) === 'rejected'
    const end = offer.first + offer.entries.length
    await overSlices(plan.undecided, end, (from, to) => plan.want(to - from))
    if (!this.destroyed)
      this.push({ kind: 'offer', offer, plan, ...(isRejected && { isRejected }) } satisfies Item)
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
