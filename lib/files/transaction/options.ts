import { SluiceError } from '../../errors.js'
import type { Audit } from '../audit/audit-record.js'
import { checkChoice, checkWhole } from '../check-options.js'
import { type EncodeOptions, formatOf, parseText } from '../content/formats.js'
import { checkSchema, type Schema } from '../content/schema.js'
import type { FileSystem } from '../fs.js'
import type { ProcessSystem } from '../owner.js'
import type { Durability } from '../publish.js'
import type { Pieces } from './draft.js'

/** New content: text (UTF-8), bytes, or a stream or other iterable of them. */
export type TransactionData =
  | string
  | Uint8Array
  | Iterable<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>

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
  /** What to do with a transaction that a dead process left there: end it (the default), or refuse to begin. */
  unfinished?: 'recover' | 'refuse'
  progress?: (progress: TransactionProgress) => void
  /** Gets one record when the transaction ends. Default: the default trail of the process, if any. */
  audit?: Audit
  /** Who lives; for tests. */
  system?: ProcessSystem
}

/** Options of {@link FileTransaction.write}. */
export interface TransactionWriteOptions {
  /** Permission bits. Default: those that the file has; for a new one what the umask leaves of 0o666. */
  mode?: number
  /** What the value in the text must match, for text or bytes for `.json`, `.yaml` and `.yml`. */
  schema?: Schema
}

/** Options of {@link FileTransaction.writeJson} and {@link FileTransaction.writeYaml}. */
export interface TransactionValueOptions extends TransactionWriteOptions, EncodeOptions {}

/** Checks what can be wrong in {@link TransactionOptions}: `ERR_USAGE`. */
export function checkOptions({ id, durability, unfinished }: TransactionOptions): void {
  if (id !== undefined && (typeof id !== 'string' || id === '' || id.length > 200))
    throw new SluiceError('ERR_USAGE', 'id must be a text of 1 to 200 characters', { found: id })
  checkChoice('durability', durability, ['crash', 'power'])
  checkChoice('unfinished', unfinished, ['recover', 'refuse'])
}

/** The data as pieces of bytes, after the schema was checked. `ERR_USAGE` for what is neither text nor bytes. */
export async function piecesOf(
  data: TransactionData,
  { mode, schema }: TransactionWriteOptions,
  path: string,
): Promise<Pieces> {
  checkWhole('mode', mode, 0, 0o7777)
  const whole = typeof data === 'string' ? Buffer.from(data) : data instanceof Uint8Array ? data : undefined
  if (schema !== undefined) await checkContent(whole, schema, path)
  if (whole) return [whole]
  if (typeof data === 'object' && data !== null && (Symbol.asyncIterator in data || Symbol.iterator in data))
    return pieces(data as Exclude<TransactionData, string | Uint8Array>)
  throw new SluiceError('ERR_USAGE', 'data must be text, bytes, or a stream or iterable of them', {
    found: data,
  })
}

async function checkContent(whole: Uint8Array | undefined, schema: Schema, path: string): Promise<void> {
  const format = formatOf(path)
  if (!whole || !format) {
    const message = 'schema needs text or bytes, and a path that ends with .json, .yaml or .yml'
    throw new SluiceError('ERR_USAGE', message, { path })
  }
  await checkSchema(await parseText(format, Buffer.from(whole).toString(), path), schema, path)
}

async function* pieces(
  data: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for await (const piece of data) {
    if (typeof piece === 'string') yield Buffer.from(piece)
    else if (piece instanceof Uint8Array) yield piece
    else throw new SluiceError('ERR_USAGE', 'data must consist of text or bytes', { found: piece })
  }
}
