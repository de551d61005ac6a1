import { randomUUID } from 'node:crypto'
import { inSlices } from '../async.js'
import { type Clock, systemClock } from '../clock.js'
import { blockSizeOf } from '../digest/blocks.js'
import { counted, SluiceError } from '../errors.js'
import type { Entry, Offer } from '../wire/entry.js'
import type { OutcomeRange } from '../wire/outcome.js'
import type { Run } from '../wire/run.js'
import { IndexSet } from './plan/index-set.js'
import type { Known } from './plan/known.js'
import type { Decision } from './rivers.js'
import type { TransferControl } from './transfer.js'

/** How much of a quota something is. */
export interface Amount {
  /** Bytes of files. */
  bytes: number
  /** Files, folders and links. */
  files: number
}

/** A number of what a quota counts besides bytes, for people. */
export function filesAndFolders(number: number): string {
  return counted(number, 'file or folder', 'files and folders')
}

const UNITS = ['bytes', 'files'] as const satisfies (keyof Amount)[]

/** Counts what somebody brings over time, and says how much more may come: for the option `quota` of `receive`. */
export interface Quota {
  /**
   * Reserves for a transfer what is offered, or as much as is left, so that others cannot have it as well. Resolves
   * with how much that is, or with why nothing can be taken, which the sender is told.
   * @param use names the transfer
   * @param offered infinitely many bytes if a size is not known
   */
  reserve(use: string, offered: Amount): Promise<Amount | { refused: string }>
  /**
   * Something came; it is no longer reserved, but used.
   * @param isOver nothing more comes by this transfer: what is still reserved for it is free
   */
  count(use: string, came: Amount, isOver: boolean): Promise<void>
  /** So much of what is reserved is not needed, since an attached offer was rejected. */
  release(use: string, some: Amount): Promise<void>
}

/** Whether it has what a quota must have. */
export function isQuota(value: unknown): value is Quota {
  const { reserve, count, release } = (value ?? {}) as Partial<Quota>
  return [reserve, count, release].every((method) => typeof method === 'function')
}

/** Bytes at most that may come beyond what is reserved, since they came before: of blocks that were not whole then. */
const MOST_AGAIN = 16 * 1024 * 1024

/** Bytes, and milliseconds, after which what came is counted at the latest: so much is not, if the process dies. */
const COUNTED_BYTES = 64 * 1024 * 1024
const COUNTED_AFTER = 5_000

/** What is reserved for an offer. */
interface Room {
  /** The first entry of the offer. */
  first: number
  offered: Amount
  reserved: Amount
}

/** What one transfer takes of a quota, over all of its connections. */
export class QuotaUse {
  readonly #quota: Quota
  readonly #control: TransferControl
  readonly #clock: Clock
  readonly #id = randomUUID()
  /** What was offered, and is reserved: by each offer that is asked about or was accepted, and in all. */
  readonly #rooms = new Set<Room>()
  readonly #offered: Amount = { bytes: 0, files: 0 }
  readonly #reserved: Amount = { bytes: 0, files: 0 }
  /** What came, and what of it is counted. */
  readonly #came: Amount = { bytes: 0, files: 0 }
  readonly #counted: Amount = { bytes: 0, files: 0 }
  /** How many bytes had come when the quota was told last. */
  #told = 0
  /** Bytes of files that go on from where they were which may come once more. */
  #again = 0
  /** The files of which something came. */
  readonly #begun = new IndexSet()
  #since: number
  /** Settles when all that was told to the quota is there, or has failed. */
  #telling: Promise<void> = Promise.resolve()

  /** What a transfer takes of a quota, over whichever connection. */
  static of(quota: Quota, control: TransferControl, clock: Clock = systemClock): QuotaUse {
    control.use ??= new QuotaUse(quota, control, clock)
    return control.use
  }

  constructor(quota: Quota, control: TransferControl, clock: Clock) {
    this.#quota = quota
    this.#control = control
    this.#clock = clock
    this.#since = clock.now()
    const { transfer } = control
    transfer.on('settled', (range, entries) => this.#settled(range, entries))
    const over = () => this.#count(true)
    transfer.finished.then(over, over)
  }

  /**
   * Reserves room for an offer before anybody is asked about it; what is rejected needs none.
   * @param signal nobody hears the answer any more
   */
  async ask(
    { first, bytes, entries }: Offer,
    signal: AbortSignal,
    ask: () => Promise<Decision>,
  ): Promise<Decision> {
    const isKnown = entries.at(-1)?.size !== null
    const files = entries.filter(({ type }) => type !== 'unreadable').length
    const offered = { bytes: isKnown ? bytes : Number.POSITIVE_INFINITY, files }
    // in turn: it is told last that the transfer is over
    const reserving = this.#telling.then(() => this.#quota.reserve(this.#id, offered))
    this.#tell(() => reserving)
    const reserved = await reserving
    if ('refused' in reserved) return { accept: false, reason: reserved.refused }
    const room = { first, offered, reserved }
    this.#rooms.add(room)
    this.#sum()
    const giveBack = () => this.#giveBack(room)
    signal.addEventListener('abort', giveBack)
    let isAccepted = false
    try {
      signal.throwIfAborted()
      const decision = await ask()
      isAccepted = decision.accept && !signal.aborted
      return decision
    } finally {
      signal.removeEventListener('abort', giveBack)
      if (!isAccepted) giveBack()
    }
  }

  /** The sender has not heard that what it attached from an entry on was accepted, and does not offer it again. */
  forgetFrom(first: number): void {
    for (const room of this.#rooms) if (room.first >= first) this.#giveBack(room)
  }

  #giveBack(room: Room): void {
    if (!this.#rooms.has(room)) return
    // what came of it all the same is counted as long as it has room
    this.#count()
    this.#rooms.delete(room)
    this.#sum()
    this.#tell(() => this.#quota.release(this.#id, room.reserved))
  }

  #sum(): void {
    for (const unit of UNITS) {
      this.#offered[unit] = 0
      this.#reserved[unit] = 0
      for (const { offered, reserved } of this.#rooms) {
        this.#offered[unit] += offered[unit]
        this.#reserved[unit] += reserved[unit]
      }
    }
  }

  /**
   * Looks, before anything comes, whether what is missing here of an offer has room.
   * @throws SluiceError `ERR_REJECTED`
   */
  async expect(offer: Offer, isWanted: (entry: Entry) => boolean, known: Known): Promise<void> {
    const needed = { ...this.#came }
    await inSlices(offer.entries, (entry) => {
      const { index, type, size } = entry
      if (type !== 'file' || !isWanted(entry) || known.standing?.(index)) return
      const claimed = known.claims.get(index) ?? []
      needed.bytes += size ?? 0
      if (claimed === 'chunks' || claimed.length === 0) return void needed.files++
      for (const { start, end } of claimed) needed.bytes -= end - start
      this.#again = Math.min(MOST_AGAIN, this.#again + blockSizeOf(size))
    })
    this.#check(needed)
  }

  /**
   * Bytes have come.
   * @throws SluiceError `ERR_REJECTED` if they are more than may come
   */
  passed({ first, last, offset, length, entries }: Run): void {
    this.#begun.grow(entries.length)
    let files = 0
    for (let index = first; index <= last; index++)
      if (entries[index]!.type === 'file' && (index > first || offset === 0)) files += this.#begin(index)
    this.#take({ bytes: length, files })
  }

  /**
   * Bytes of a file were copied from what stands here: they need as much room.
   * @throws SluiceError `ERR_REJECTED`
   */
  copied({ index }: Entry, bytes: number): void {
    this.#begun.grow(index + 1)
    this.#take({ bytes, files: this.#begin(index) })
  }

  #begin(index: number): number {
    if (this.#begun.has(index)) return 0
    this.#begun.add(index)
    return 1
  }

  /** Folders and links count when they are made: what stands already costs nothing. */
  #settled(range: OutcomeRange, entries: readonly Entry[]): void {
    for (let index = range.first; index <= range.last; index++) {
      const { status } = range.except?.get(index) ?? range
      if (status === 'published' && entries[index]!.type !== 'file') this.#came.files++
    }
  }

  #take({ bytes, files }: Amount): void {
    this.#came.bytes += bytes
    this.#came.files += files
    this.#check(this.#came)
    const isMuch = this.#came.bytes - this.#told >= COUNTED_BYTES
    if (isMuch || this.#clock.now() - this.#since >= COUNTED_AFTER) this.#count()
  }

  #check({ bytes, files }: Amount): void {
    const { bytes: mostBytes, files: mostFiles } = this.#reserved
    // where all of an offer has room, the plan lets no more of it come; blocks that are sent once more need none
    const isAll = mostBytes === this.#offered.bytes
    if (!isAll && bytes > mostBytes + this.#again) throw exceeded(counted(mostBytes, 'byte'))
    if (files > mostFiles) throw exceeded(filesAndFolders(mostFiles))
  }

  /**
   * Tells the quota of what came since it was told last: never more than was offered, which may have come twice. What
   * it could not count is told again the next time.
   */
  #count(isOver = false): void {
    this.#since = this.#clock.now()
    this.#told = this.#came.bytes
    const most = {
      bytes: Math.min(this.#came.bytes, this.#offered.bytes),
      files: Math.min(this.#came.files, this.#offered.files),
    }
    this.#tell(async () => {
      const came = {
        bytes: Math.max(0, most.bytes - this.#counted.bytes),
        files: Math.max(0, most.files - this.#counted.files),
      }
      if (isOver || came.bytes > 0 || came.files > 0) await this.#quota.count(this.#id, came, isOver)
      for (const unit of UNITS) this.#counted[unit] += came[unit]
    })
  }

  #tell(tell: () => Promise<unknown>): void {
    this.#telling = this.#telling.then(tell).then(
      () => {},
      (error) => this.#control.warn(error),
    )
  }
}

/** The sender has done nothing wrong: it may not know what of it is here already. */
function exceeded(left: string): SluiceError {
  const message = `the quota of this sender is used up: there was room for ${left}`
  return new SluiceError('ERR_REJECTED', message, { found: 'quota' })
}
