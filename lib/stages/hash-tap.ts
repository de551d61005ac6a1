import { Transform, type TransformCallback } from 'node:stream'
import { BLOCKS, blockSizeOf } from '../digest/blocks.js'
import { type DigestInto, digestInto, digestLength, prepareDigest } from '../digest/digests.js'
import { printable, SluiceError } from '../errors.js'
import { type Cut, endsIn, lengthIn, type Run, RunReader } from '../wire/run.js'
import { FileDigests } from './hash-tap/file-digests.js'
import { GatheredBlocks, isInFile } from './hash-tap/gathered-blocks.js'
import {
  type BlocksItem,
  type ChunksItem,
  type DigestsItem,
  type Item,
  isLastWord,
  type OfferItem,
} from './river/items.js'
import { checkPlace, watchNext } from './river/place.js'

/**
 * Puts the digest of each whole file on the run in which it ends, by the algorithm of the offer, when all of the file
 * passed from its first byte on without a gap; by `blocks` when all of its blocks passed, in any order. Everything
 * passes at once; an item `answered` becomes the digest of the whole file. Of files that were begun and left, the 16
 * that were begun last are remembered.
 *
 * Of what is read for proof, and by `blocks` of all files of several blocks, the digests of blocks follow the runs in
 * which they end, those of up to 16 MiB of a file together, as items `blocks`; of what is read for its chunks, those,
 * as items `chunks`.
 *
 * Errors: `ERR_UNSUPPORTED` if this machine does not have the algorithm; `ERR_STATE` if data comes before an offer, or
 * if a digest is asked for (an item `answered`) of a file of which not all passed; `ERR_PROTOCOL` if a later offer has
 * another algorithm. `ERR_USAGE` for an argument: the algorithm is chosen where the manifest is made.
 */
export function hashTap(...none: []): Transform {
  if (none.length > 0) throw new SluiceError('ERR_USAGE', NO_CHOICE)
  return new HashTap()
}

const NO_CHOICE =
  'hashTap takes no options: the algorithm is that of the offer, as manifestOf(paths, { algorithm }) makes it'

type Said = BlocksItem | ChunksItem

/** What is known once there was an offer. */
interface Learned {
  algorithm: string
  /** Bytes of a digest. */
  length: number
  into: DigestInto
  files: FileDigests
}

class HashTap extends Transform {
  #learned: Learned | undefined
  readonly #blocks = new GatheredBlocks()
  /** Whether digests of blocks can be taken at once. */
  #isReady = false

  constructor() {
    super({ objectMode: true, highWaterMark: 1 })
    watchNext('hashTap', this)
  }

  override _transform(item: Item, encoding: BufferEncoding, done: TransformCallback): void {
    try {
      checkPlace('hashTap', item)
      if (item.kind === 'offer') {
        this.#learn(item).then(() => done(null, item), done)
      } else if (item.kind === 'run' && item.isProof && !this.#isReady) {
        this.#prepareBlocks().then(() => this._transform(item, encoding, done), done)
      } else {
        for (const one of this.#pass(item)) this.push(one)
        done()
      }
    } catch (error) {
      done(error as Error)
    }
  }

  override _flush(done: TransformCallback): void {
    for (const one of this.#blocks.end()) this.push(one)
    done()
  }

  *#pass(item: Item): Generator<Item, void> {
    const goesOn = item.kind === 'run' && isInFile(item)
    // what is said of a file goes before its digest
    if (!goesOn) yield* this.#blocks.end()
    if (item.kind === 'digests') this.#forget(item)
    if (item.kind !== 'run') return yield item.kind === 'answered' ? this.#answer(item.index) : item
    const said = this.#run(item)
    yield item
    for (const one of said)
      yield* one.kind === 'blocks' ? this.#blocks.add(one, item.entries[one.index]!) : [one]
    if (!goesOn) yield* this.#blocks.end()
  }

  async #learn({ offer: { algorithm }, plan }: OfferItem): Promise<void> {
    const before = this.#learned?.algorithm
    if (before !== undefined && before !== algorithm) {
      const message = `an offer with the hash algorithm ${printable(algorithm, 64)} follows one with another; a transfer has one`
      throw new SluiceError('ERR_PROTOCOL', message, { expected: before, found: algorithm })
    }
    await prepareDigest(algorithm)
    this.#isReady ||= algorithm === BLOCKS
    this.#learned ??= {
      algorithm,
      length: digestLength(algorithm),
      into: digestInto(algorithm),
      files: new FileDigests(algorithm, (index) => plan.isClosed(index)),
    }
  }

  async #prepareBlocks(): Promise<void> {
    await prepareDigest(BLOCKS)
    this.#isReady = true
  }

  /** Gives what is to be said of blocks, or of chunks, that ended in the run. */
  #run(run: Run): Said[] {
    if (this.#learned === undefined) {
      throw new SluiceError(
        'ERR_STATE',
        'hashTap() got data before an offer; put it behind fileSource() or demuxer()',
      )
    }
    const said: Said[] = []
    if (run.cuts) for (const cut of run.cuts) this.#cut(this.#learned, cut, said)
    else this.#columns(this.#learned, run, said)
    return said
  }

  #columns({ algorithm, files, into, length }: Learned, run: Run, said: Said[]): void {
    const { first, last, entries, isProof = false, byChunks } = run
    const count = (run.ends ? last : last - 1) - first + 1
    const column = Buffer.alloc(count * length)
    const reader = new RunReader(run.buffers)
    for (let index = first; index <= last; index++) {
      const entry = entries[index]!
      if (entry.type !== 'file') continue
      const place = (index - first) * length
      const offset = index === first ? run.offset : 0
      const buffers = reader.take(lengthIn(run, index))
      const ends = endsIn(run, index)
      const isOneBlock =
        algorithm !== BLOCKS || (entry.size !== null && entry.size <= blockSizeOf(entry.size))
      if (offset === 0 && ends && isOneBlock) {
        files.forget(index)
        into(buffers, column, place)
        continue
      }
      const taken = files.take(entry, { offset, buffers, ends, isProof, byChunks })
      if (ends) taken.digest?.copy(column, place)
      if (taken.said) said.push(taken.said)
    }
    if (count > 0) run.digests = { first, count, bytes: column }
  }

  #cut({ files }: Learned, cut: Cut, said: Said[]): void {
    const { entry, offset, bytes, last } = cut
    if (entry.type !== 'file') return
    const taken = files.take(entry, { offset, buffers: [bytes], ends: last, isProof: false })
    if (last && taken.digest) cut.digest = taken.digest
    if (taken.said) said.push(taken.said)
  }

  /** The sender has said what became of these: nothing more of them passes without being asked for again. */
  #forget(said: DigestsItem): void {
    const files = this.#learned?.files
    for (const index of files?.running() ?? []) if (isLastWord(said, index)) files!.forget(index)
  }

  #answer(index: number): DigestsItem {
    const bytes = this.#learned?.files.of(index)
    if (bytes) return { kind: 'digests', first: index, count: 1, bytes }
    const message = `hashTap() did not see all of entry ${index}, whose digest is asked for`
    throw new SluiceError('ERR_STATE', message)
  }
}
