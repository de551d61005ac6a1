import { blockCountOf, blockSizeOf, rangesOfRuns } from '../digest/blocks.js'
import { isChunked } from '../digest/chunks.js'
import { type Code, fileCodeOf, knownCode, SluiceError } from '../errors.js'
import type { Entry, Offer } from '../wire/entry.js'
import { MOST_ROUNDS, type PeerLimits } from '../wire/limits.js'
import type { Messages, OutcomeRecord, PlanRecord } from '../wire/messages.js'
import type { Outcome, OutcomeRange, OutcomeStatus } from '../wire/outcome.js'
import { MOST_TEXT, outcomeOfRecord, takeText } from './outcome-table.js'
import type { Plan } from './plan.js'

// What a sender hears of its receiver, and takes in.

/** Notes in the plan of a sender what its receiver asks for, by PLAN and by WANT. Pure; throws `ERR_PROTOCOL`. */
export class AskedFiles {
  readonly #plan: Plan
  /** Bytes of files that were asked for again or for proof, until those have their outcome. */
  readonly #askedAgain = new Map<number, number>()

  constructor(plan: Plan) {
    this.#plan = plan
  }

  /** A page of the plan, which may be about entries up to `end`: those of accepted offers. */
  planned({ first, plan: page }: Messages['plan'], end: number): void {
    const plan = this.#plan
    if (first !== plan.undecided) {
      const text = `the peer sent a page of the plan from entry ${first} on, where ${plan.undecided} is the next`
      throw new SluiceError('ERR_PROTOCOL', text, { expected: plan.undecided, found: first })
    }
    const last = page.reduce((sum, { count }) => sum + count, first) - 1
    if (last >= end) throw refuse('a page of the plan about what it has not accepted, up to entry', last)
    for (const record of page) {
      if (record.kind === 'skip') plan.skip(record.count)
      else if (record.kind === 'all') plan.want(record.count)
      else if (record.kind === 'prove' && !record.blocks) plan.want(record.count, true)
      else this.#claimed(record)
    }
  }

  #claimed(record: PlanRecord & { kind: 'prove' | 'chunks' }): void {
    const plan = this.#plan
    const size = plan.entries[plan.undecided]?.size
    if (!size) throw refuse('a claim of blocks of what has none: entry', plan.undecided)
    if (record.kind === 'prove') return plan.claim(rangesOfRuns(record.blocks!, size))
    if (!isChunked(size)) throw refuse('a request for the chunks of what is not cut: entry', plan.undecided)
    plan.claim([{ start: 0, end: size }], true)
  }

  /** Blocks of a file are asked for again, or for proof; without any, its digest, for which all of it is read. */
  wanted({ index, send = [], prove }: Messages['want']): void {
    const plan = this.#plan
    const size = plan.entries[index]?.size ?? null
    if (!size || plan.isClosed(index)) throw refuse('a request for blocks of what has none: entry', index)
    // its bytes may be needed in order, and a file of one block is asked for as a whole
    if (plan.isOpen(index) && (!this.#askedAgain.has(index) || size <= blockSizeOf(size)))
      throw refuse('a request for blocks before the digest of entry', index)
    const ranges = rangesOfRuns(send, size)
    const claimed = rangesOfRuns(prove ?? (send.length === 0 ? [0, blockCountOf(size)] : []), size)
    let asked = this.#askedAgain.get(index) ?? 0
    for (const { start, end } of [...ranges, ...claimed]) {
      // what is on its way would be sent twice, or be read for two things at once
      if (!plan.isThere(index, start, end))
        throw refuse('a request for blocks that it was not sent yet, or does not have, of entry', index)
      asked += end - start
    }
    // each may come again so often, and be proved so often
    if (asked > 2 * MOST_ROUNDS * size) throw refuse('too many requests for blocks of entry', index)
    this.#askedAgain.set(index, asked)
    plan.ask(index, ranges, claimed)
  }

  /** The entries from `first` to `last` have their outcome. */
  drop(first: number, last: number): void {
    if (this.#askedAgain.size === 0) return
    for (let index = first; index <= last; index++) this.#askedAgain.delete(index)
  }
}

function refuse(what: string, index: number): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `the peer sent ${what} ${index}`)
}

/**
 * Why files cannot be sent, as this side knows it: the receiver is told a code, and says no more. As many are kept as
 * texts of a peer. Pure.
 */
export class OwnFailures {
  readonly #of = new Map<number, SluiceError>()
  readonly #left = { bytes: MOST_TEXT }

  add({ index }: Entry, error: SluiceError): void {
    if (takeText(error.message, this.#left)) this.#of.set(index, error)
  }

  /** Takes in what was met when an offer was made: in the order of the entries that are 'unreadable'. */
  addUnreadable({ entries }: Offer, skipped: readonly SluiceError[]): void {
    const failures = skipped.filter(({ code }) => code !== 'ERR_SKIPPED' && code !== 'ERR_UNSUPPORTED')
    if (failures.length === 0) return
    const unreadable = entries.filter(({ type }) => type === 'unreadable')
    for (const [n, entry] of unreadable.entries()) if (failures[n]) this.add(entry, failures[n])
  }

  /** The outcomes of a range, in which those that failed for a reason of this side have that as their error. */
  tell(range: OutcomeRange, entries: readonly Entry[]): OutcomeRange {
    if (this.#of.size === 0) return range
    const { first, last, status, code, except } = range
    const told = new Map(except)
    for (const [index, error] of this.#of) {
      if (index < first || index > last) continue
      this.#of.delete(index)
      const outcome = except?.get(index) ?? outcomeOfRecord(entries[index]!, { status, code })
      if (outcome.code === error.code) told.set(index, { ...outcome, error })
    }
    return { ...range, except: new Map([...told].sort(([one], [other]) => one - other)) }
  }
}

/** Bytes that a name may be longer than its path without being counted: some suffixes, of the file and its folders. */
const SUFFIXES = 16

/** Takes in at a sender what its receiver says became of entries. Pure; throws `ERR_PROTOCOL`, `ERR_LIMIT`. */
export class HeardOutcomes {
  readonly #plan: Plan
  readonly #mostNames: number
  /** Bytes by which the names so far are longer than what their entries explain. */
  #names = 0
  /** Texts are kept until the end, too. */
  readonly #texts: { bytes: number }

  /** @param mostNames bytes by which all names may be longer than those of the offer */
  constructor(plan: Plan, mostNames: number) {
    this.#plan = plan
    this.#mostNames = mostNames
    this.#texts = { bytes: Math.min(mostNames, MOST_TEXT) }
  }

  /** Notes in the plan that the entries have their outcome; gives what that is. */
  take({ first, count, status, code, except }: Messages['outcomes']): OutcomeRange {
    const plan = this.#plan
    const last = first + count - 1
    if (last >= plan.entries.length) throw unexpected(last)
    const said = new Map(except.map((record) => [record.index, record.status]))
    for (let index = first; index <= last; index++) {
      if (plan.isClosed(index)) throw unexpected(index)
      if (plan.entries[index]!.type === 'unreadable' && (said.get(index) ?? status) !== 'failed')
        throw new SluiceError('ERR_PROTOCOL', `the peer has entry ${index}, which could not be sent`)
    }
    plan.close(first, last + 1)
    const records = except.map((record) => [record.index, this.#outcome(record)] as const)
    return { first, last, status, code: codeSaid(status, code), except: new Map(records) }
  }

  #outcome({ index, status, name, code, text }: OutcomeRecord): Outcome {
    const entry = this.#plan.entries[index]!
    if (name !== undefined) this.#countName(name, entry)
    const kept = text !== undefined && status === 'failed' && takeText(text, this.#texts) ? text : undefined
    return outcomeOfRecord(entry, { status, name, code: codeSaid(status, code) }, kept)
  }

  /** Names are kept until the end, so that a peer must not choose how much they are. */
  #countName(name: string, { path }: Entry): void {
    this.#names += Math.max(0, Buffer.byteLength(name) - Buffer.byteLength(path) - SUFFIXES)
    if (this.#names <= this.#mostNames) return
    const most = this.#mostNames
    const message = `the names that the peer gave are more than ${most} bytes longer than those of the offer: raise limits.names`
    throw new SluiceError('ERR_LIMIT', message, { expected: most, found: this.#names })
  }
}

/** The code that a peer said of an entry, as one of ours: every failure has one. */
function codeSaid(status: OutcomeStatus, code: string | undefined): Code | undefined {
  if (status === 'failed') return fileCodeOf(code ?? '')
  return code === undefined ? undefined : knownCode(code)
}

function unexpected(index: number): SluiceError {
  const message = `the peer reported an outcome of entry ${index} that nobody waits for`
  return new SluiceError('ERR_PROTOCOL', message)
}

/**
 * Bytes of a frame and of a message that a receiver has to take: smaller ones are so many that they hold the event
 * loop.
 */
const LEAST_LIMIT = 4096

/** Spares both sides an offer that the receiver says it will refuse, and this one a flood of small frames. */
export function checkLimits(
  count: number,
  { entries = count, frame = LEAST_LIMIT, message = LEAST_LIMIT }: PeerLimits,
): void {
  if (count > entries) {
    const text = `the receiver takes at most ${entries} entries, and these are ${count}: send in parts`
    throw new SluiceError('ERR_LIMIT', text, { expected: entries, found: count })
  }
  const least = Math.min(frame, message)
  if (least >= LEAST_LIMIT) return
  const text = `the receiver takes only ${least} bytes in a frame or a message; it should take at least ${LEAST_LIMIT}`
  throw new SluiceError('ERR_LIMIT', text, { expected: LEAST_LIMIT, found: least })
}
