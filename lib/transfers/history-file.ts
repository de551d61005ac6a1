import { readJson } from '../files/config/read-config.js'
import { updateJson } from '../files/config/update.js'
import { checkSchema, type Schema } from '../files/content/schema.js'
import type { TransferState } from '../transfer/lifecycle.js'

/** A transfer that is over, as it stands in a history file. */
export interface RecordedTransfer {
  id: string
  /** Whose it was, in the words of the program that took it. */
  peer?: string
  /** Where it went, or came from, in the words of that program. */
  place?: string
  direction: 'send' | 'receive'
  state: TransferState
  /** Entries that have an outcome, and bytes that travelled. */
  files: number
  bytes: number
  /** When it was over: ISO 8601, in UTC. */
  ended: string
  /** Why it did not complete: the code of the error, and its message. */
  code?: string
  message?: string
}

/** Characters of a text, of which most come from a peer. */
const MOST_TEXT = 2000

/** Bytes of a history file at most: what is larger was not written here. */
const MOST_BYTES = 64 * 1024 * 1024

const text: Schema = { type: 'string', maxLength: MOST_TEXT }
const count: Schema = { type: 'integer', minimum: 0 }
const SCHEMA: Schema = {
  type: 'array',
  items: {
    type: 'object',
    required: ['id', 'direction', 'state', 'files', 'bytes', 'ended'],
    properties: {
      id: text,
      peer: text,
      place: text,
      direction: { enum: ['send', 'receive'] },
      state: text,
      files: count,
      bytes: count,
      ended: { type: 'string', format: 'date-time' },
      code: text,
      message: text,
    },
  },
}

/** A file in which the transfers stand that are over. Several processes may share one. */
export class HistoryFile {
  readonly #path: string
  readonly #most: number
  /** Settles when all that was added stands there: one is added after the other. */
  #adding: Promise<void> = Promise.resolve()

  /** @param most how many are kept */
  constructor(path: string, most: number) {
    this.#path = path
    this.#most = most
  }

  /**
   * Adds a transfer, behind those that were added before. The file is made if it is missing, for the user alone.
   * @throws SluiceError those of `updateJson`; `ERR_SCHEMA` if the file is no history: it stays as it is
   */
  add(past: RecordedTransfer): Promise<void> {
    const one = { ...past, ...shortened(past) }
    const added = async (found: RecordedTransfer[] | undefined) => {
      await checkSchema(found, SCHEMA, this.#path)
      const all = [...found!, one]
      return all.slice(Math.max(0, all.length - this.#most))
    }
    const adding = this.#adding.then(async () => {
      await updateJson(this.#path, added, { initial: [], mode: 0o600, durability: 'crash' })
    })
    this.#adding = adding.catch(() => {})
    return adding
  }

  /** Resolves when all that was added before is there, or has failed. */
  saved(): Promise<void> {
    return this.#adding
  }
}

/** Texts of a peer may be long. */
function shortened(past: RecordedTransfer): Partial<RecordedTransfer> {
  const texts = (['id', 'peer', 'place', 'code', 'message'] as const).flatMap((key) => {
    const text = past[key]
    return text === undefined ? [] : [[key, text.slice(0, MOST_TEXT).toWellFormed()]]
  })
  return Object.fromEntries(texts)
}

/**
 * The transfers in a history file, the oldest first; none if there is no such file.
 * @throws SluiceError `ERR_SCHEMA` and `ERR_PARSE` if it is no history, and with the codes of disk failures
 */
export function readHistory(path: string): Promise<RecordedTransfer[]> {
  return readJson(path, { schema: SCHEMA, default: [], maxBytes: MOST_BYTES })
}
