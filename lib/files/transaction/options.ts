import { printable, SluiceError } from '../../errors.js'
import {
  checkAbortSignal,
  checkCallback,
  checkChoice,
  checkMode,
  checkObject,
  checkOption,
} from '../../options.js'
import { contentOf, encodedPieces, schemaOfStream, untilAborted, type WriteData } from '../atomic/pieces.js'
import { type Audit, checkAudit } from '../audit/audit-record.js'
import { decodeText, encodeText } from '../content/encodings.js'
import { type EncodeOptions, knownFormat, parseText } from '../content/formats.js'
import { checkSchema, type Schema } from '../content/schema.js'
import type { FileSystem } from '../disk/fs.js'
import type { ProcessSystem } from '../own/owner.js'
import type { Durability } from '../publish/publish.js'
import type { ByteContent } from './draft.js'

/** New content: text (UTF-8), bytes, or a stream or other iterable of them. */
export type TransactionData = WriteData

/** How far a transaction is. */
export interface TransactionProgress {
  /** 'staging': new content is written under temporary names. 'applying': all of it gets its place. */
  phase: 'staging' | 'applying'
  /** Files that are done in this phase. */
  files: number
  /** Of how many; while staging, of those that are known so far. */
  totalFiles: number
  /** Bytes of new content that were staged. */
  bytes: number
}

/** Options of {@link FileTransaction.begin}. */
export interface TransactionOptions {
  /** 1 to 200 characters. Default: a random one. Stands in the intent, in errors and in the audit. */
  id?: string
  /** What the committed files survive: the loss of power too (the default), or the death of the process. */
  durability?: Durability
  fs?: FileSystem
  /** One transaction runs in a folder at a time: how long the others are waited for. Milliseconds, default 10,000. */
  lock?: { timeout?: number; signal?: AbortSignal }
  /**
   * Makes the transaction fail with `ERR_CANCELLED`, until the commit has all that it needs: also while it waits for the
   * lock, or for the source of a write.
   */
  signal?: AbortSignal
  /** What to do with a transaction that a dead process left there: end it (the default), or refuse to begin. */
  unfinished?: 'recover' | 'refuse'
  /**
   * Told how far it is. What it throws is passed on unchanged, of the operation or the commit that told it, and makes the
   * transaction fail: everything stays as it was.
   */
  progress?: (progress: TransactionProgress) => void
  /** Gets one record when the transaction ends. Default: the trail set by `setDefaultAudit`, if any. */
  audit?: Audit
  /** Which processes are alive; for tests. */
  system?: ProcessSystem
}

/** Options of {@link FileTransaction.write}. */
export interface TransactionWriteOptions {
  /** Permission bits. Default: those that the file has; for a new one what the umask leaves of 0o666. */
  mode?: number
  /** What the value in the text must match, for text or bytes for `.json`, `.yaml` and `.yml`. */
  schema?: Schema
}

/** Options of {@link FileTransaction.copy}. */
export interface TransactionCopyOptions {
  /** What the value in the file must match; `to` must end with `.json`, `.yaml` or `.yml`. */
  schema?: Schema
}

/** Options of {@link FileTransaction.writeJson} and {@link FileTransaction.writeYaml}. */
export interface TransactionValueOptions extends TransactionWriteOptions, EncodeOptions {}

/** Checks what can be wrong in {@link TransactionOptions}: `ERR_USAGE`. */
export function checkTransactionOptions(options: TransactionOptions): void {
  checkObject('options', options)
  const { id, durability, unfinished, progress, signal, audit } = options
  const isId = id === undefined || (typeof id === 'string' && id !== '' && id.length <= 200)
  checkOption('id', id, isId, 'a text of 1 to 200 characters')
  checkChoice('durability', durability, ['crash', 'power'])
  checkChoice('unfinished', unfinished, ['recover', 'refuse'])
  checkCallback('progress', progress)
  checkAbortSignal('signal', signal)
  checkAudit(audit)
}

/**
 * The data as pieces of bytes, after the schema was checked. `ERR_USAGE` for what is neither text nor bytes.
 * @param unwanted ends the waiting for a source
 */
export async function newContentOf(
  data: TransactionData,
  { mode, schema }: TransactionWriteOptions,
  path: string,
  unwanted?: AbortSignal,
): Promise<ByteContent> {
  checkMode('mode', mode)
  const content = typeof data === 'string' ? encodeText(data) : contentOf(data)
  if (!(content instanceof Uint8Array)) {
    if (schema !== undefined) throw schemaOfStream()
    return fromSource(encodedPieces(untilAborted(content, unwanted, path), 'utf8'), path)
  }
  if (schema === undefined) return [content]
  // of a copy: what is checked is what is written
  const bytes = Uint8Array.from(content)
  await checkNewContent(bytes, schema, path)
  return [bytes]
}

/** What the source says of itself is not taken for what the disk says of the file. */
async function* fromSource(pieces: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause
    const why = printable(cause instanceof Error ? cause.message : String(cause), 200)
    const message = `what ${printable(path)} is to hold cannot be read: ${why}`
    throw new SluiceError('ERR_SOURCE_READ', message, { path, cause })
  }
}

/** Checks what `path` is to hold: `ERR_PARSE`, `ERR_SCHEMA`; `ERR_USAGE` where its name says no format. */
export async function checkNewContent(bytes: Uint8Array, schema: Schema, path: string): Promise<void> {
  const text = decodeText(bytes, 'utf8', path)
  await checkSchema(await parseText(knownFormat(path), text, path), schema, path)
}
