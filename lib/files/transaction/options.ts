import type { Clock } from '../../clock.js'
import { isSluiceError, messageOf, printable, SluiceError } from '../../errors.js'
import {
  checkAbortSignal,
  checkCallback,
  checkChoice,
  checkFlag,
  checkKeys,
  checkMode,
  checkOption,
  isBytes,
  type Keys,
} from '../../options.js'
import {
  checkedContent,
  contentOf,
  encodedPieces,
  piecesUntilAborted,
  schemaOfStream,
  type WriteData,
} from '../atomic/pieces.js'
import { type Audit, checkAudit } from '../audit/audit-record.js'
import type { EncodeOptions } from '../content/formats.js'
import type { Schema } from '../content/schema.js'
import type { FileSystem } from '../disk/fs.js'
import { checkWaiting, type LockWaiting } from '../lock/lock-options.js'
import type { ProcessSystem } from '../own/owner.js'
import type { Durability } from '../publish/publish.js'

/** New content: text (UTF-8), bytes, or a stream or other iterable of them. */
export type TransactionData = WriteData

/** The progress of a transaction. */
export interface TransactionProgress {
  /** 'staging': new content is written under temporary names. 'applying': the files get their names. */
  phase: 'staging' | 'applying'
  /** Files done in this phase. */
  files: number
  /** Files in this phase; while staging, those that are known so far. */
  totalFiles: number
  /** Bytes of new content that were staged. */
  bytes: number
}

/** Options of {@link FileTransaction.begin}. */
export interface TransactionOptions {
  /** 1 to 200 characters, for the intent, for errors and for the audit. Default: random. */
  id?: string
  /** What committed files survive. 'power' (default): a loss of power; 'crash': the death of the process. */
  durability?: Durability
  /**
   * Also replace files that nobody may write to, as those of mode 0444; else the commit fails with `ERR_PERMISSION`.
   * Default false.
   */
  replaceReadOnly?: boolean
  fs?: FileSystem
  /** Only one transaction runs in a folder at a time: how long to wait for others. Milliseconds, default 10,000. */
  lock?: LockWaiting
  /**
   * Makes the transaction fail with `ERR_CANCELLED`, also while it waits for the lock or for the source of a write.
   * No longer effective once the commit has all that it needs.
   */
  signal?: AbortSignal
  /** If a dead process left a transaction there: 'recover' it (default), or 'refuse' to begin. */
  unfinished?: 'recover' | 'refuse'
  /**
   * Called with the progress. If it throws, the operation or commit that called it fails with `ERR_DESTROYED` and that
   * as its cause, and with it the transaction: everything stays as it was.
   */
  progress?: (progress: TransactionProgress) => void
  /** Gets one record when the transaction ends. Default: the trail set by `setDefaultAudit`, if any. */
  audit?: Audit
  /** Which processes are alive; for tests. */
  system?: ProcessSystem
  /** For tests. */
  clock?: Clock
  /** For tests: when the transaction shows that it lives. */
  renewals?: Clock
}

const TRANSACTION_OPTIONS: Keys<TransactionOptions> = {
  id: true,
  durability: true,
  replaceReadOnly: true,
  fs: true,
  lock: true,
  signal: true,
  unfinished: true,
  progress: true,
  audit: true,
  system: true,
  clock: true,
  renewals: true,
}

/** `ERR_USAGE` for a wrong option. */
export function checkTransactionOptions(options: TransactionOptions): void {
  checkKeys('options', options, TRANSACTION_OPTIONS)
  checkWaiting('lock', options.lock)
  const { id, durability, unfinished, progress, signal, audit } = options
  const isId = id === undefined || (typeof id === 'string' && id !== '' && id.length <= 200)
  checkOption('id', id, isId, 'a text of 1 to 200 characters')
  checkChoice('durability', durability, ['crash', 'power'])
  checkChoice('unfinished', unfinished, ['recover', 'refuse'])
  checkFlag('replaceReadOnly', options.replaceReadOnly)
  checkCallback('progress', progress)
  checkAbortSignal('signal', signal)
  checkAudit(audit)
}

/** Options of {@link FileTransaction.write}. */
export interface TransactionWriteOptions {
  /** Permission bits. Default: those of the existing file; for a new one 0o666 without the bits of the umask. */
  mode?: number
  /** The value in the content must match it. Only for text or bytes, and for `.json`, `.yaml` and `.yml`. */
  schema?: Schema
}

/** Their names. */
export const TRANSACTION_WRITE_OPTIONS: Keys<TransactionWriteOptions> = { mode: true, schema: true }

/** Options of {@link FileTransaction.copy}. */
export interface TransactionCopyOptions {
  /** The value in the file must match it; `to` must end with `.json`, `.yaml` or `.yml`. Not for folders. */
  schema?: Schema
}

/** Options of {@link FileTransaction.delete}. */
export interface TransactionDeleteOptions {
  /** A folder, too, with all that is in it. Default false. */
  recursive?: boolean
}

/** Options of {@link FileTransaction.writeJson} and {@link FileTransaction.writeYaml}. */
export interface TransactionValueOptions extends TransactionWriteOptions, EncodeOptions {}

/**
 * The data as pieces of bytes, after the schema was checked. `ERR_USAGE` for what is neither text nor bytes.
 * @param unwanted stops waiting for the source
 */
export async function newContentOf(
  data: TransactionData,
  options: TransactionWriteOptions,
  path: string,
  unwanted?: AbortSignal,
): Promise<AsyncIterable<Uint8Array> | Iterable<Uint8Array>> {
  checkKeys('options', options, TRANSACTION_WRITE_OPTIONS)
  const { mode, schema } = options
  checkMode('mode', mode)
  const content = contentOf(data, 'utf8')
  if (isBytes(content)) return [await checkedContent(content, 'utf8', schema, path)]
  if (schema !== undefined) throw schemaOfStream()
  return fromSource(encodedPieces(piecesUntilAborted(content, unwanted, path), 'utf8'), path)
}

/** What checks the content of a copied file with the schema, if the options have one. */
export function checkOfCopy(
  options: TransactionCopyOptions,
  path: string,
): ((content: Uint8Array) => Promise<Uint8Array>) | undefined {
  checkKeys('options', options, { schema: true })
  const { schema } = options
  return schema === undefined ? undefined : (content) => checkedContent(content, 'utf8', schema, path)
}

/** Whether a folder may be deleted, too. `ERR_USAGE` for a wrong option. */
export function isRecursive(options: TransactionDeleteOptions): boolean {
  checkKeys('options', options, { recursive: true })
  checkFlag('recursive', options.recursive)
  return options.recursive ?? false
}

/** Errors of the source become `ERR_SOURCE_READ`, so that they are not mistaken for errors of the disk. */
async function* fromSource(pieces: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces
  } catch (cause) {
    if (isSluiceError(cause)) throw cause
    const why = printable(messageOf(cause), 200)
    const message = `what ${printable(path)} is to hold cannot be read: ${why}`
    throw new SluiceError('ERR_SOURCE_READ', message, { path, cause })
  }
}
