import { Transform, type TransformCallback } from 'node:stream'
import { overSlices } from '../async.js'
import { digestLength } from '../digest/digests.js'
import { SluiceError } from '../errors.js'
import { checkKeys } from '../options.js'
import { addOffer } from '../transfer/plan/add-offer.js'
import { Plan } from '../transfer/plan.js'
import type { Offer } from '../wire/entry.js'
import type { Frame } from '../wire/frame-parser.js'
import { type Limits, limitsOf } from '../wire/limits.js'
import { ManifestReader } from '../wire/manifest.js'
import type { PathRules } from '../wire/paths.js'
import { Pump } from './bytes/pump.js'
import type { Item } from './river/items.js'
import { isAbout, itemsOfData, itemsOfMessage } from './river/items-of.js'
import { checkPlace, watchNext } from './river/place.js'

/** Options of {@link demuxer}. */
export interface DemuxerOptions extends Pick<PathRules, 'names' | 'platform'> {
  limits?: Partial<Limits>
  /** What is wanted of the offers. Default: a plan of its own. */
  plan?: Plan
  /**
   * Called once an offer is complete and checked, before anything of it is passed on: decides about its entries by
   * `plan.want` and `plan.skip`. Those that it leaves undecided are wanted. What it throws ends the stream. Of an offer
   * that was attached it may say that it is 'rejected'; meanwhile what was offered before goes on.
   */
  onOffer?: (offer: Offer, plan: Plan) => Decided | Promise<Decided>
  /** Called when the input ended too early, before the stream fails of it: what was given out may be stored first. */
  onCut?: () => Promise<void> | void
}

/** Names of the first offer that are taken in again, for a second one, between two turns of the event loop. */
const RECALLED = 1000

// biome-ignore lint/suspicious/noConfusingVoidType: a function without a `return` is the ordinary case
type Decided = 'rejected' | void

type State = 'offer' | 'entries' | 'data'

/**
 * Takes frames and gives items: learns the offers, cuts the data by its position in the stream into runs, refuses
 * bytes that the plan does not want, digests of blocks that neither came nor were claimed, chunks that nobody asked
 * for, and an end without a digest for every file. Behind the end it takes what was asked for again.
 *
 * Errors: `ERR_PROTOCOL`, `ERR_LIMIT`, `ERR_PATH`, `ERR_UNSUPPORTED` (hash algorithm); `ERR_TRUNCATED` if the input
 * ends before END, or before what was asked for again.
 */
export class Demuxer extends Transform {
  readonly plan: Plan
  readonly #manifest: ManifestReader
  readonly #onOffer: NonNullable<DemuxerOptions['onOffer']>
  readonly #onCut: NonNullable<DemuxerOptions['onCut']>
  readonly #pump = new Pump<Item>(this)
  #state: State = 'offer'
  #digestLength = 0
  /** The attached offer about which it is being decided. */
  #attached: { offer: Offer; decided: Promise<void> } | undefined

  constructor(options: DemuxerOptions = {}) {
    checkKeys('options', options, {
      names: true,
      platform: true,
      limits: true,
      plan: true,
      onOffer: true,
      onCut: true,
    })
    const { limits, names, platform, plan = new Plan(), onOffer, onCut = () => {} } = options
    super({ objectMode: true, highWaterMark: 1 })
    this.plan = plan
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
      if (this.#attached && isAbout(frame, this.#attached.offer))
        return void this.#attached.decided.then(() => this._transform(frame, _encoding, done), done)
      const isOffer = frame.kind === 'message' && frame.message.type === 'offer'
      if (isOffer && this.#manifest.recall(RECALLED)) {
        setImmediate(() => (this.destroyed ? done() : this._transform(frame, _encoding, done)))
        return
      }
      const taken = this.#take(frame)
      // a page of entries takes a few milliseconds, and many may have come at once: others have their turn
      if (taken === undefined) setImmediate(done)
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
    const { plan } = this
    const [open] = plan.askedAgain()
    if (plan.isEnded && open === undefined) return done()
    const before = plan.isEnded ? `what was asked for again of entry ${open}` : 'the end of the transfer'
    const error = new SluiceError('ERR_TRUNCATED', `the stream ended before ${before}`)
    Promise.resolve(this.#onCut()).then(() => done(error), done)
  }

  /** Gives the offer, when this frame completes one, or the items that it brings. */
  #take(frame: Frame): Offer | Iterator<Item> | undefined {
    if (frame.kind === 'data') {
      this.#expect('data', 'data')
      return itemsOfData(this.plan, frame)
    }
    const { message, payload } = frame
    switch (message.type) {
      case 'offer':
        this.#expect('an offer', 'offer', 'data')
        this.#state = 'entries'
        return this.#manifest.offer(message, payload)
      case 'entries':
        this.#expect('entries', 'entries')
        return this.#manifest.entries(message, payload)
      case 'blocks':
      case 'chunks':
      case 'digests':
      case 'end':
        this.#expect(message.type, 'data')
        return itemsOfMessage(this.plan, message, this.#digestLength)
      default:
        throw new SluiceError('ERR_PROTOCOL', `${message.type} does not belong into the river`)
    }
  }

  async #accept(offer: Offer): Promise<void> {
    this.#digestLength = digestLength(offer.algorithm)
    await addOffer(this.plan, offer)
    this.#state = 'data'
    const decided = this.#decide(offer)
    if (offer.first === 0) return decided
    this.#attached = { offer, decided }
    decided.then(
      () => {
        this.#attached = undefined
      },
      (error) => this.destroy(error as Error),
    )
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
