import { Limiter } from '../../async.js'
import { isError, printable, SluiceError } from '../../errors.js'
import { diskError } from '../../files/disk/disk-error.js'
import { CONFLICTS } from '../../files/publish/policies.js'
import { checkChoice } from '../../options.js'
import { type Claim, checkPublishing, type Part, type PartRun, type PartStore } from '../../stores/parts.js'
import type { Conflict, Durability, Publishing, PublishPolicy } from '../../stores/policy.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { Outcome } from '../../wire/outcome.js'
import type { Run } from '../../wire/run.js'
import { checkedPart, claimsOf, indicesOf, partRunOf, partsOf, placementOf, placingOf } from './answers.js'
import { AskedNames } from './asked-names.js'
import { Bases } from './bases.js'
import { EndCalls } from './end-calls.js'
import { PendingCalls } from './pending-calls.js'
import { outcomeOf } from './placements.js'
import { type Sought, StandingEntries } from './standing.js'

type Claims = ReadonlyMap<number, Claim>

/**
 * Calls a store of parts as its interface says, in the one place where what it leaves out has its default, where what
 * it throws becomes a `SluiceError`, and where parts that were not ended are let go. `partSink` makes it, and shares it
 * with `finalizer`: it travels with the offer, and the last of the two to close also closes the store.
 */
export class StoreCalls {
  readonly #store: PartStore
  readonly #limiter: Limiter
  readonly #warn: (warning: SluiceError) => void
  /** Parts that cannot be kept, and have to be discarded if the transfer ends before them. */
  readonly #discarded = new WeakSet<Part>()
  /** Parts that have ended by their publish: whatever it says that is wrong, the file may have its name. */
  readonly #placed = new WeakSet<Part>()
  readonly pending = new PendingCalls()
  readonly #claims = new Map<number, Claim>()
  /** What its entries are called. */
  readonly asked = new AskedNames()
  /** What older versions there are of files. */
  readonly bases: Bases
  /** What is done behind all files. */
  readonly end: EndCalls
  /** Parts that have not ended. */
  readonly #open = new Set<Part>()
  #isUnwanted = false
  /** Settles when what is looked at ahead was looked at. */
  #ahead: Promise<unknown> = Promise.resolve()
  /** What stands already in the place of entries. */
  standing: StandingEntries | undefined
  #policy: PublishPolicy | undefined
  #durability: Durability
  #holders = 0
  #isClosed = false
  /** What the transfer is called, for messages about the whole store. */
  #name = 'the transfer'

  /** @param concurrency files and folders that are worked on at once */
  constructor(store: PartStore, concurrency: number, warn: (warning: SluiceError) => void = () => {}) {
    this.#store = store
    this.#limiter = new Limiter(concurrency)
    this.#warn = warn
    this.bases = new Bases(store, warn)
    this.end = new EndCalls(store, this.pending, this.#limiter)
    this.#durability = store.durability ?? 'crash'
  }

  get order(): 'any' | 'ascending' {
    return this.#store.features?.order ?? 'any'
  }

  /** The policy that was asked for, if the store can obey it; or its default. Throws `ERR_USAGE`. */
  conflict(asked: Conflict | undefined): Conflict {
    const { conflicts = CONFLICTS } = this.#store.features ?? {}
    checkChoice('conflict', asked, conflicts)
    return asked ?? (conflicts.includes('rename') ? 'rename' : conflicts[0]!)
  }

  /** How it publishes, if that is as was asked. Throws `ERR_USAGE`. */
  publishing = (asked: Publishing | undefined): Publishing => checkPublishing(this.#store, asked)

  get durability(): Durability {
    return this.#durability
  }

  /** What is published survives the loss of power from now on. */
  raiseDurability(): void {
    this.#durability = 'power'
    if (this.#store.durability !== undefined) this.#store.durability = 'power'
  }

  /** How names will be given: the store is told once. */
  obey(policy: PublishPolicy): PublishPolicy {
    if (!this.#policy) this.#store.obey?.(policy)
    this.#policy ??= policy
    return this.#policy
  }

  async expect(offer: Offer, bytes: number): Promise<void> {
    this.#name = offer.name
    await this.asked.add(offer)
    await this.#whole('prepare for', () => this.#store.expect?.(offer, bytes))
  }

  /** What earlier transfers left of these files, by the index of the entry. */
  async claim(offer: Offer, files: readonly Entry[], signal: AbortSignal): Promise<Claims> {
    this.#name = offer.name
    await this.asked.add(offer)
    if (!this.#store.claims) return new Map()
    await this.#whole('go on with', () => this.#store.learn?.(offer))
    const claims = await this.#whole(
      'go on with',
      () => this.#store.claims!(files, signal),
      (given) => claimsOf(given, files),
    )
    for (const [index, claim] of claims) {
      this.#claims.set(index, claim)
      this.#open.add(claim.part)
    }
    return claims
  }

  /** What is there of entries of an offer that still comes may be looked at. {@link lookup} fails if that does. */
  lookAhead(entries: readonly Entry[]): void {
    if (!this.#store.lookAhead) return
    const looking = this.#whole('look for', () => this.#store.lookAhead!(entries))
    this.#ahead = Promise.all([this.#ahead, looking])
    this.#ahead.catch(() => {})
  }

  /** Looks for what stands already in the place of these entries. */
  async lookup(offer: Offer, entries: readonly Entry[], asked: Omit<Sought, 'entries'>): Promise<void> {
    const find = () => StandingEntries.find(this.#store, this.#policy, offer, { entries, ...asked })
    await this.#ahead
    // what is attached later is sent
    if (offer.first === 0) this.standing = await this.#whole('look for', find)
  }

  /** What an earlier transfer left of a file, if it was claimed. */
  claimed = (index: number): Claim | undefined => this.#claims.get(index)

  async makeFolder(entry: Entry): Promise<void> {
    try {
      await this.pending.of('make the folder', entry.path, () => this.#store.makeFolder?.(entry))
    } catch (error) {
      throw diskError(error, 'make the folder', entry.path)
    }
  }

  /** Begins files; gives a part, or why there is none, for each of them, by the index of its entry. */
  async begin(entries: readonly Entry[]): Promise<Map<number, Part | SluiceError>> {
    const begun = new Map<number, Part | SluiceError>()
    const add = ({ index, path }: Entry, given: unknown) => {
      const part = checkedPart(given)
      begun.set(index, isError(part) ? diskError(part, 'begin', path) : part)
      if (!isError(part)) this.#open.add(part)
    }
    if (this.#store.beginAll) {
      const parts = await this.#whole('begin files of', () => this.#store.beginAll!(entries), partsOf)
      for (const entry of entries) add(entry, parts.get(entry.index))
    } else {
      await this.#limiter.each(entries, async (entry) => {
        try {
          add(entry, await this.pending.of('begin', entry.path, () => this.#store.begin(entry)))
        } catch (error) {
          begun.set(entry.index, diskError(error, 'begin', entry.path))
        }
      })
    }
    return begun
  }

  /** A way to store small files together, if the store has one at the moment. */
  get writeRun(): ((run: Run, signal: AbortSignal) => Promise<PartRun>) | undefined {
    const write = this.#store.writeRun
    if (!write) return undefined
    return (run, signal) =>
      this.#whole('write files of', () => write.call(this.#store, run, signal), partRunOf)
  }

  publishRun = (run: PartRun, first: number, last: number): Promise<readonly number[]> =>
    this.#whole(
      'publish files of',
      () => run.publish(first, last),
      (given) => indicesOf('publish', given, (index) => index >= first && index <= last),
    )

  alive = async () => this.#store.alive && this.#whole('go on with', () => this.#store.alive!())

  sync = async () => this.#durability === 'power' && this.#whole('sync', () => this.#store.sync?.())

  /** The digest of what stands in a part, read back. */
  async digest(part: Part, { path }: Entry, { algorithm, signal }: PublishPolicy): Promise<Buffer> {
    if (part.digest) return this.pending.of('read back', path, () => part.digest!(algorithm, signal))
    const message = `${printable(path)} came with gaps, and the store cannot read it again; put hashTap() before partSink()`
    throw new SluiceError('ERR_UNSUPPORTED', message, { path, saysPath: true })
  }

  /** Fails as the store does; the part is then still to be kept or discarded. */
  async publish(part: Part, entry: Entry, policy: PublishPolicy): Promise<Outcome> {
    const placement = await this.pending.of('publish', entry.path, () => part.publish(policy))
    this.#open.delete(part)
    this.#placed.add(part)
    return outcomeOf(entry, placementOf('publish', placement))
  }

  /** Whether a part was removed: a file that comes again begins another one then. */
  isDiscarded = (part: Part): boolean => this.#discarded.has(part)

  async discard(part: Part, entry: Entry, failure: SluiceError): Promise<void> {
    if (this.#placed.has(part)) return
    this.#open.delete(part)
    this.#discarded.add(part)
    await this.#orWarn('remove what came of', entry.path, () => part.discard(failure))
  }

  async keep(part: Part, entry: Entry, failure: SluiceError): Promise<void> {
    if (!part.keep || this.#placed.has(part)) return this.discard(part, entry, failure)
    this.#open.delete(part)
    await this.#orWarn('keep what came of', entry.path, () => part.keep!(failure))
  }

  /** Gives all that was published its names: see `PartStore.publishAll`. */
  publishAll = (...how: Parameters<NonNullable<PartStore['publishAll']>>) =>
    this.#whole('publish', () => this.#store.publishAll!(...how), placingOf)

  finish = async () => this.#whole('finish', () => this.#store.finish?.())

  /** Keeps the store open until {@link release}. */
  hold(): void {
    const message = 'the store was closed already; put finalizer() directly behind partSink()'
    if (this.#isClosed) throw new SluiceError('ERR_STATE', message)
    this.#holders++
  }

  /** Nothing is to stay of what will not have ended when this is let go. */
  discardAll = (): void => {
    this.#isUnwanted = true
  }

  /** Lets everything go, where nobody else holds it; what is not ended of a file that cannot be kept is discarded. */
  async release(): Promise<void> {
    if (--this.#holders > 0) return
    this.#isClosed = true
    await this.bases.close()
    const failure = new SluiceError('ERR_DESTROYED', 'the transfer ended before the file did')
    const { discard } = this.#store
    for (const part of this.#open)
      if (!part.keep || (this.#isUnwanted && !discard))
        await this.#orWarn('remove what came of', this.#name, () => part.discard(failure))
    this.#open.clear()
    if (this.#isUnwanted && discard)
      await this.#orWarn('remove what came of', this.#name, () => discard.call(this.#store))
    await this.#whole('close', () => this.#store.close?.())
  }

  /** A call whose failure stops nothing. */
  async #orWarn(what: string, path: string, call: () => Promise<void> | void): Promise<void> {
    try {
      await this.pending.of(what, path, call)
    } catch (error) {
      this.#warn(diskError(error, what, path))
    }
  }

  /** A call that is for no single entry. `answer` checks what it gives. */
  async #whole<T>(
    what: string,
    call: () => Promise<T> | T,
    answer = (given: unknown) => given as T,
  ): Promise<T> {
    try {
      return answer(await this.pending.of(what, this.#name, call))
    } catch (error) {
      throw diskError(error, what, this.#name)
    }
  }
}
