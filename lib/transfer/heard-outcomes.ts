import { type Code, fileCodeOf, knownCode, SluiceError } from '../errors.js'
import type { Entry } from '../wire/entry.js'
import type { Messages, OutcomeRecord } from '../wire/messages.js'
import type { Outcome, OutcomeRange, OutcomeStatus } from '../wire/outcome.js'
import { MOST_TEXT, outcomeOf, takeText } from './outcome-table.js'
import type { Plan } from './plan.js'

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
    if (last >= plan.undecided) throw unexpected(last)
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
    return outcomeOf(entry, { status, name, code: codeSaid(status, code) }, kept)
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
