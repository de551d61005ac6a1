import debug from 'debug'
import { BLOCKS, blockSizeOf } from '../../digest/blocks.js'
import { digestLength } from '../../digest/digests.js'
import { SluiceError } from '../../errors.js'
import { type SourceStore, sourceError } from '../../stores/sources.js'
import type { Piece } from '../../transfer/plan/pieces.js'
import type { Plan } from '../../transfer/plan.js'
import type { Entry } from '../../wire/entry.js'
import { failureItem, type Item, runOfPiece } from '../river/items.js'
import { PendingCalls } from '../river/pending-calls.js'
import { readEach, readToEnd } from '../river/read-files.js'
import { LargeFile } from './large-file.js'
import { ReadInOrder } from './read-in-order.js'
import type { BlockStep, ProofStep, Step } from './steps.js'

/** What a {@link SourceReader} depends on. */
export interface ReaderOptions {
  store: SourceStore
  plan: Plan
  /** The hash algorithm of the offer. */
  algorithm: string
  /** Bytes of a run at most, where a stream decides about its length. */
  maxRun: () => number
  /** What fails after it is aborted fails because of that, and is not told. */
  signal: AbortSignal
  onFailure?: ((error: SluiceError, entry: Entry) => void) | undefined
  memory?: { take(length: number): Buffer } | undefined
}

const NOTHING = Buffer.alloc(0)
const log = debug('sluice:source')

/**
 * Reads what the steps say and makes items of it, which the plan takes for sent. What cannot be read becomes a failure,
 * and nothing else of that file follows. What got its outcome while it was read is left out.
 */
export class SourceReader {
  readonly #options: ReaderOptions
  /** Bytes of a digest. */
  readonly #slot: number
  /** How far large files have been read in order. */
  readonly inOrder: ReadInOrder
  /** What the store was asked for, and has not answered; a stream may be silent for as long as it likes. */
  readonly pending = new PendingCalls()
  /** The large file that was read last. */
  current: number | undefined
  readonly #file: LargeFile

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#slot = digestLength(options.algorithm)
    this.inOrder = new ReadInOrder(options.plan)
    this.#file = new LargeFile(options.store, this.pending, options.signal)
  }

  async *items(step: Step): AsyncGenerator<Item> {
    if (step.kind === 'small') yield* this.#small(step)
    else if (step.kind === 'proof') yield* this.#proofs(step)
    else if (step.kind === 'block') yield* this.#block(step)
    else yield* this.#stream(step.entry)
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  /** Many small files, folders and empty files. A run is contiguous: a file that failed ends one. */
  async *#small({ entries, files, length }: Step & { kind: 'small' }): AsyncGenerator<Item> {
    const { plan, signal } = this.#options
    const slab = length === 0 ? NOTHING : this.#memory(length)
    const failures = await this.#readFiles(files, slab)
    if (signal.aborted) return
    yield* this.#between(entries, slab, failures)
    for (const piece of plan.pass(entries.at(-1)!.index + 1)) yield* this.#run(piece, NOTHING)
  }

  /** What of the entries lies between those that failed, and the failures. */
  *#between(
    entries: readonly Entry[],
    slab: Buffer,
    failures: ReadonlyMap<number, unknown>,
  ): Generator<Item> {
    let used = 0
    let from = 0
    const { start: position } = entries[0]!
    for (const entry of entries) {
      const size = entry.size!
      if (failures.has(entry.index)) {
        yield* this.#runs(position + from, slab.subarray(from, used))
        yield* this.#fail(entry, failures.get(entry.index))
        from = used + size
      }
      used += size
    }
    yield* this.#runs(position + from, slab.subarray(from))
  }

  /** The files into one buffer, one behind the other; gives those that failed. */
  async #readFiles(files: readonly Entry[], slab: Buffer): Promise<ReadonlyMap<number, unknown>> {
    const { store, signal } = this.#options
    if (files.length === 0) return new Map()
    try {
      const read = () => store.readRun?.(files, slab, signal) ?? readEach(store, files, slab, signal)
      return await this.pending.of('read', files[0]!.path, read)
    } catch (error) {
      return new Map(files.map(({ index }) => [index, error]))
    }
  }

  /** Files of which only the digest travels, many to a run: one that failed, or has its outcome by now, ends one. */
  async *#proofs({ files, length }: ProofStep): AsyncGenerator<Item> {
    const { plan, signal } = this.#options
    const slab = this.#memory(length)
    const failures = await this.#readFiles(files, slab)
    if (signal.aborted) return
    let run: Entry[] = []
    let from = 0
    let used = 0
    for (const entry of files) {
      const isLeft = failures.has(entry.index) || plan.isClosed(entry.index)
      if (isLeft) {
        yield* this.#proved(run, slab.subarray(from, used))
        if (failures.has(entry.index)) yield* this.#fail(entry, failures.get(entry.index))
        run = []
      } else run.push(entry)
      used += entry.size!
      if (isLeft) from = used
    }
    yield* this.#proved(run, slab.subarray(from))
  }

  *#proved(files: readonly Entry[], bytes: Buffer): Generator<Item> {
    const { plan } = this.#options
    const [first, last] = [files[0], files.at(-1)]
    if (!first || !last) return
    for (const { index, size } of files) {
      plan.prove(index, [{ start: 0, end: size! }])
      plan.answer(index)
    }
    const piece = { position: first.start, length: bytes.length, first: first.index, last: last.index }
    const buffers = bytes.length === 0 ? [] : [bytes]
    yield { ...runOfPiece(plan, { ...piece, offset: 0, ends: true, isLate: false }, buffers), isProof: true }
  }

  async *#block(step: BlockStep): AsyncGenerator<Item> {
    const { plan, signal } = this.#options
    const { entry, start, end, chunk, isLast, isProof } = step
    const { index } = entry
    this.current = index
    /** What is only proved: all of it is one item. */
    const proved: Buffer[] = []
    // at least once: an empty file is to be proved as well
    for (let at = start; (at < end || at === start) && !plan.isClosed(index); at += chunk) {
      const bytes = this.#memory(Math.min(chunk, end - at))
      const until = at + bytes.length
      try {
        await this.#file.read(entry, at, bytes, isLast && until === end)
      } catch (error) {
        await this.close()
        yield* this.#fail(entry, error)
        return
      }
      if (signal.aborted) return
      if (isProof) proved.push(bytes)
      if (isProof && until < end) continue
      yield* isProof ? this.#proof(entry, start, proved) : this.#runs(entry.start + at, bytes)
      this.inOrder.note(index, isProof ? start : at, until)
    }
    if (plan.isClosed(index)) await this.close()
  }

  #memory(length: number): Buffer {
    return this.#options.memory?.take(length) ?? Buffer.allocUnsafeSlow(length)
  }

  async *#stream(entry: Entry): AsyncGenerator<Item> {
    const { store, plan, maxRun, signal } = this.#options
    const { index } = entry
    let offset = 0
    for (const piece of plan.pass(index)) yield* this.#run(piece, NOTHING)
    try {
      for await (const bytes of readToEnd(store, entry, maxRun, signal)) {
        // what follows of it is not wanted any more; leaving the loop destroys the stream
        if (plan.isClosed(index)) return
        yield* this.#streamed(entry, offset, bytes)
        offset += bytes.length
      }
    } catch (error) {
      yield* this.#fail(entry, error)
      return
    }
    if (plan.isClosed(index)) return
    if (entry.size === 0) for (const piece of plan.pass(index + 1)) yield* this.#run(piece, NOTHING)
    if (entry.size !== null) return
    const end = plan.setSize(index, offset)
    if (end) yield* this.#run(end, NOTHING)
  }

  /** Bytes of a stream, which comes only once: some of them may be read only for their digest. */
  *#streamed(entry: Entry, offset: number, bytes: Buffer): Generator<Item> {
    const { plan } = this.#options
    for (let from = 0; from < bytes.length; ) {
      const claimed = plan.toProve(entry.index)
      const isOfFile = claimed?.entry === entry
      const start = isOfFile ? Math.max(0, claimed.start - offset) : bytes.length
      const end = isOfFile ? claimed.end - offset : bytes.length
      if (from < start) yield* this.#runs(entry.start + offset + from, bytes.subarray(from, start))
      else yield* this.#proof(entry, offset + from, [bytes.subarray(from, end)])
      from = from < start ? Math.min(start, bytes.length) : Math.min(end, bytes.length)
    }
  }

  /** Takes bytes for sent, which stand at `position`: the runs that they are. */
  *#runs(position: number, bytes: Buffer): Generator<Item> {
    if (bytes.length === 0) return
    for (const piece of this.#options.plan.take(position, bytes.length)) {
      if (piece.isLate) continue
      const from = piece.position - position
      yield* this.#run(piece, bytes.subarray(from, from + piece.length))
    }
  }

  /** The digests of the files that end in a run come from the stages behind: for the plan they are answered here. */
  *#run(piece: Piece, bytes: Buffer): Generator<Item> {
    const { plan } = this.#options
    const { first, last } = piece
    // those between are whole, and were asked for
    for (let index = first + 1; index < last; index++)
      if (plan.entries[index]!.type === 'file') plan.answer(index)
    if (first < last) this.#answer(first)
    const ends = piece.ends && (plan.entries[last]!.type !== 'file' || this.#endsWith(piece))
    yield runOfPiece(plan, { ...piece, ends }, bytes.length === 0 ? [] : [bytes])
    for (let index = first; index <= last; index++) if (plan.isOpen(index)) yield* this.#answered(index)
  }

  /** What is read only for its digest. */
  *#proof(entry: Entry, start: number, buffers: readonly Buffer[]): Generator<Item> {
    const { plan } = this.#options
    const { index } = entry
    if (plan.isClosed(index)) return
    const byChunks = plan.chunked.has(index)
    const length = buffers.reduce((sum, bytes) => sum + bytes.length, 0)
    plan.prove(index, [{ start, end: start + length }])
    const piece = { position: entry.start + start, length, first: index, last: index, offset: start }
    yield { ...runOfPiece(plan, { ...piece, ends: false, isLate: false }, buffers), isProof: true, byChunks }
    yield* this.#answered(index)
  }

  /** Takes a request for answered that a run answers, since the file ends in it; false if there is none. */
  #answer(index: number): boolean {
    const { plan } = this.#options
    if (!plan.isOpen(index) || !plan.isThere(index)) return false
    plan.answer(index)
    return true
  }

  /**
   * Whether the end of a file answers a request for it: not while something else of it is to be sent or proved, nor for
   * a part of it that is sent again, with which its digest does not end. Nor where digests of blocks are said behind
   * the run: its record comes behind these.
   */
  #endsWith({ first, last, offset }: Piece): boolean {
    const { algorithm, plan } = this.#options
    const { size } = plan.entries[last]!
    if (algorithm === BLOCKS && size !== null && size > blockSizeOf(size)) return false
    const isWhole = first < last || offset === 0
    const isAgain = plan.isAskedAgain(last) || offset < this.inOrder.end(last)
    return (isWhole || !isAgain) && this.#answer(last)
  }

  /** Each request is answered once, also those that the end of a file does not answer. */
  *#answered(index: number): Generator<Item> {
    while (this.#answer(index)) yield { kind: 'answered', index }
  }

  *#fail(entry: Entry, cause: unknown): Generator<Item> {
    const { plan, signal, onFailure } = this.#options
    const { index, path } = entry
    if (signal.aborted) return
    const error = sourceError(path, cause)
    log('entry %d: %s', index, error.message)
    if (plan.isOpen(index)) onFailure?.(error, entry)
    else if (plan.left(index) > 0) throw lostForGood(error)
    // each request is answered once
    while (plan.isOpen(index)) {
      plan.answer(index, true)
      yield failureItem(index, error.code, this.#slot)
    }
  }
}

/** The digest was said: over another connection the file begins anew. */
function lostForGood(cause: SluiceError): SluiceError {
  const text = `what was lost with a connection cannot be read again: ${cause.message}`
  return new SluiceError('ERR_INTERRUPTED', text, { cause })
}
