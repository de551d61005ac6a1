import { printable, SluiceError } from '../errors.js'
import { readJson } from '../files/config/read-config.js'
import { updateJson } from '../files/config/update.js'
import { checkSchema, type Schema } from '../files/content/schema.js'
import type { FileSystem } from '../files/disk/fs.js'
import { fateOf, OWNER_TEXT, ownerOfText, textOfOwner, thisOwner } from '../files/own/owner.js'
import { checkKeys, checkObject, checkText, checkWhole, type Keys } from '../options.js'
import type { Amount, Quota } from '../transfer/quota.js'
import {
  end,
  type Holder,
  leftOf,
  MOST_RESERVED,
  NOTHING_YET,
  type QuotaLedger,
  type Reservation,
  release,
  reserve,
  use,
} from './quota-ledger.js'

/** What a {@link FileQuota} depends on. */
export interface FileQuotaOptions {
  /** The file in which it is counted, which several quotas and processes may share; made if it is missing. */
  file: string
  /** Whose quota it is: what stays the same for somebody, as a public key or an account. Up to 200 characters. */
  of: string
  /** Bytes in all. Default: as many as there are. */
  bytes?: number
  /** Files, folders and links in all. Default: as many as there are. */
  files?: number
  fs?: FileSystem
}

const OPTIONS: Keys<FileQuotaOptions> = { file: true, of: true, bytes: true, files: true, fs: true }

const VERSION = 1
const LONGEST_OF = 200
/** Of how many it is counted in one file, and bytes of that. */
const MOST_OF = 10_000
const LARGEST_FILE = 64 * 1024 * 1024

/** Milliseconds after which a reservation counts no more whose process cannot be looked at, as in a container. */
const UNSEEN_FOR = 24 * 60 * 60 * 1000

/** What stands in the file. */
interface Counted extends QuotaLedger {
  of: string
}

interface QuotaFile {
  version: number
  quotas: Counted[]
}

const EMPTY: QuotaFile = { version: VERSION, quotas: [] }

const count: Schema = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }
const amount = { bytes: count, files: count }
const SCHEMA: Schema = {
  type: 'object',
  required: ['version', 'quotas'],
  additionalProperties: false,
  properties: {
    version: { const: VERSION },
    quotas: {
      type: 'array',
      maxItems: MOST_OF,
      items: {
        type: 'object',
        required: ['of', 'used', 'reserved'],
        additionalProperties: false,
        properties: {
          of: { type: 'string', maxLength: LONGEST_OF },
          used: {
            type: 'object',
            required: ['bytes', 'files'],
            additionalProperties: false,
            properties: amount,
          },
          reserved: {
            type: 'array',
            maxItems: MOST_RESERVED,
            items: {
              type: 'object',
              required: ['use', 'owner', 'since', 'bytes', 'files'],
              additionalProperties: false,
              properties: {
                use: { type: 'string', maxLength: 100 },
                owner: { type: 'string', maxLength: 200, pattern: `^${OWNER_TEXT}$` },
                since: count,
                ...amount,
              },
            },
          },
        },
      },
    },
  },
}

/**
 * How much somebody may bring in all, counted in a file: for the option `quota` of `receive`. What comes counts as it
 * lands, also of a transfer that breaks; what is there already, or goes on from where it was, does not count again.
 * What is offered is reserved while it runs, so that several transfers together bring no more, also in several
 * processes; what a process had reserved that has died is free. Folders and links count once they are made.
 *
 * All calls reject with `ERR_PARSE` or `ERR_SCHEMA` if the file is damaged, and leave it as it is then, and with the
 * codes of `updateJson` and of disk failures. Throws `ERR_USAGE` for an option.
 */
export class FileQuota implements Quota {
  readonly #file: string
  readonly #of: string
  readonly #most: Amount
  readonly #fs: FileSystem | undefined
  readonly #owner = textOfOwner(thisOwner())
  /** Settles when all that was changed until now is there, or has failed. */
  #changing: Promise<unknown> = Promise.resolve()

  constructor(options: FileQuotaOptions) {
    checkObject('options', options)
    checkKeys('options', options, OPTIONS)
    const { file, of, bytes, files, fs } = options
    checkText('file', file)
    checkText('of', of)
    if (of.length > LONGEST_OF || !of.isWellFormed())
      throw new SluiceError('ERR_USAGE', `of must be a text of at most ${LONGEST_OF} characters`)
    checkWhole('bytes', bytes, 0)
    checkWhole('files', files, 0)
    this.#file = file
    this.#of = of
    this.#most = { bytes: bytes ?? Number.MAX_SAFE_INTEGER, files: files ?? Number.MAX_SAFE_INTEGER }
    this.#fs = fs
  }

  /** What was used until now, and what could still come: neither used nor reserved for what runs. */
  async state(): Promise<{ used: Amount; left: Amount }> {
    const found = await readJson<QuotaFile>(this.#file, {
      fs: this.#fs,
      schema: SCHEMA,
      default: EMPTY,
      maxBytes: LARGEST_FILE,
    })
    const ledger = alive(ledgerOf(found, this.#of))
    return { used: ledger.used, left: leftOf(ledger, this.#most) }
  }

  /** Begins to count anew: what came until now no longer counts. */
  async reset(): Promise<void> {
    await this.#change(({ reserved }) => ({ used: NOTHING_YET.used, reserved }))
  }

  /** Called by `receive` when something is offered: see {@link Quota}. */
  async reserve(name: string, offered: Amount): Promise<Amount | { refused: string }> {
    let answer: Amount | { refused: string } | undefined
    await this.#change((ledger) => {
      const done = reserve(ledger, this.#most, offered, this.#holder(name))
      answer = 'refused' in done ? done : done.reserved
      return 'refused' in done ? ledger : done.ledger
    })
    return answer!
  }

  /** Called by `receive` from time to time while something comes, and at the end: see {@link Quota}. */
  async count(name: string, came: Amount, isOver: boolean): Promise<void> {
    const holder = this.#holder(name)
    await this.#change((ledger) => {
      const counted = use(ledger, came, holder)
      return isOver ? end(counted, holder) : counted
    })
  }

  /** Called by `receive` for what is attached and rejected: see {@link Quota}. */
  async release(name: string, some: Amount): Promise<void> {
    await this.#change((ledger) => release(ledger, some, this.#holder(name)))
  }

  /** Resolves when all that was counted until now stands in the file, or has failed. */
  async saved(): Promise<void> {
    await this.#changing
  }

  #holder(name: string): Holder {
    return { use: name, owner: this.#owner, since: Date.now() }
  }

  async #change(change: (ledger: QuotaLedger) => QuotaLedger): Promise<void> {
    const update = async (found: QuotaFile = EMPTY) => {
      await checkSchema(found, SCHEMA, this.#file)
      const ledger = change(alive(ledgerOf(found, this.#of)))
      const others = found.quotas.filter(({ of }) => of !== this.#of)
      // of whom nothing has come, nothing is kept
      if (isNothing(ledger))
        return others.length === found.quotas.length ? undefined : { version: VERSION, quotas: others }
      if (others.length >= MOST_OF) throw tooMany(this.#file)
      return { version: VERSION, quotas: [...others, { ...ledger, of: this.#of }] }
    }
    const options = { fs: this.#fs, initial: EMPTY, mode: 0o600, durability: 'crash' } as const
    const changing = updateJson<QuotaFile>(this.#file, update, options)
    const settled = changing.then(
      () => {},
      () => {},
    )
    this.#changing = this.#changing.then(() => settled)
    await changing
  }
}

function ledgerOf({ quotas }: QuotaFile, of: string): QuotaLedger {
  const { used, reserved } = quotas.find((one) => one.of === of) ?? NOTHING_YET
  return { used, reserved }
}

function isNothing({ used, reserved }: QuotaLedger): boolean {
  return used.bytes === 0 && used.files === 0 && reserved.length === 0
}

/** Without what was reserved by processes that are dead. */
function alive({ used, reserved }: QuotaLedger): QuotaLedger {
  return { used, reserved: reserved.filter(isAlive) }
}

function isAlive({ owner, since }: Reservation): boolean {
  const fate = fateOf(ownerOfText(owner))
  return fate === 'alive' || (fate === 'unseen' && Date.now() - since < UNSEEN_FOR)
}

function tooMany(file: string): SluiceError {
  const message = `${printable(file)} counts quotas of ${MOST_OF} others already; use another file`
  return new SluiceError('ERR_LIMIT', message, { path: file, saysPath: true })
}
