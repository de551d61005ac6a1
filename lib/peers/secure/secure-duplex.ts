import { Duplex } from 'node:stream'
import { SluiceError } from '../../errors.js'
import { freeMemory } from '../../stages/bytes/free-memory.js'
import { MemoryPool } from '../../stages/bytes/memory-pool.js'
import { Pump } from '../../stages/bytes/pump.js'
import { ChunkOpener, endsEarly } from '../../stages/encryption/chunk-opener.js'
import { ChunkSealer } from '../../stages/encryption/chunk-sealer.js'
import { type ChunkOptions, MAX_CHUNK, PREFIX, TAG } from '../../stages/encryption/sealed-stream.js'
import type { Connection, ConnectionEvents } from '../../transfer/connection.js'
import { addPlain } from '../../transfer/streams/plain-duplex.js'
import type { Agreed } from './noise.js'

/**
 * Records are padded, so that what is said in them cannot be told by their lengths: a list of files with long names
 * is as long as one with short ones, as far as that goes in 4 KiB. And each key seals 66 GiB at most:
 * ChaCha20-Poly1305 would do for more than can ever be sent, but whoever gets hold of a key later should not open
 * with it what was sent hours ago.
 */
const CHUNKS: ChunkOptions = { padding: 4096, rekey: 2 ** 19 }

/** Bytes of the longest record. */
const RECORD = PREFIX + MAX_CHUNK + TAG

/**
 * Bytes that pile up before a writer is told to wait: some records, so that only the last of them is padded by much.
 */
const HIGH_WATER_MARK = 256 * 1024

/** Milliseconds for which the raw duplex may take to close when both sides have said all. */
const CLOSE_TIMEOUT = 2000

type WriteCallback = (error?: Error | null) => void

/**
 * What is written at one end comes out at the other, and nobody between them can read or change it. A side may end
 * on its own, also where the raw duplex cannot. When both have, or it is destroyed, so is the raw duplex.
 *
 * Besides the errors of the raw duplex, which are given on as they are: `ERR_DECRYPT` for bytes that were changed,
 * `ERR_TRUNCATED` where the other side has gone without an end, `ERR_INTERRUPTED` where it did not wait for ours.
 */
export class SecureDuplex extends Duplex {
  /** The public key that the other side has proved, 32 bytes. */
  readonly peerKey: Uint8Array
  /** 64 bytes that both sides have in common, and no other connection has; no secret. */
  readonly handshakeHash: Uint8Array
  readonly #connection: Connection
  readonly #sealer: ChunkSealer
  readonly #opener: ChunkOpener
  readonly #incoming = new Pump<Buffer>(this)
  /** That of the records. */
  readonly #memory = new MemoryPool(RECORD)
  readonly #taken = (record: Buffer) => this.#memory.used(record)
  /** What is written becomes records when the connection takes them. */
  readonly #outgoing = new Pump<Buffer>(this, (record) => this.#connection.write(record, this.#taken))
  /** The mark of our end is on its way. */
  #isSaid = false
  #isRawEnded = false

  /**
   * @param connection open
   * @param hear is given what is to be told of its events from now on
   */
  constructor(
    connection: Connection,
    { sending, receiving, hash, peerKey }: Agreed,
    hear: (events: ConnectionEvents) => void,
  ) {
    super({ writableHighWaterMark: HIGH_WATER_MARK, readableHighWaterMark: MAX_CHUNK })
    this.peerKey = peerKey
    this.handshakeHash = hash
    this.#connection = connection
    // each key is for one stream of one connection: numbers begin at 0, and no header is needed
    this.#sealer = new ChunkSealer(sending, CHUNKS, (length) => this.#memory.take(length))
    this.#opener = new ChunkOpener(receiving, CHUNKS)
    this.once('end', () => this.#look())
    hear({
      data: (bytes, isOurs) => {
        this.#data(bytes)
        if (isOurs) freeMemory([bytes])
      },
      drained: () => this.#outgoing.resume(),
      ended: () => this.#ended(),
      broken: (cause) => this.#isOver || this.destroy(cause),
    })
  }

  #data(bytes: Buffer): void {
    // behind the end of the stream, which was proved, nothing counts
    if (this.#opener.isAtEnd || this.destroyed) return
    let more = true
    try {
      for (const content of this.#opener.open(bytes)) {
        more = this.#incoming.give(content)
        if (this.destroyed) return
      }
    } catch (error) {
      this.destroy(error as Error)
      return
    }
    if (this.#opener.isAtEnd) this.push(null)
    else if (!more) this.#connection.pause()
  }

  #ended(): void {
    this.#isRawEnded = true
    if (!this.#opener.isAtEnd && !this.destroyed) this.destroy(endsEarly())
    this.#look()
  }

  override _read(): void {
    this.#incoming.resume()
    if (this.#connection.isPaused) this.#connection.resume()
  }

  /** All that is written in one turn goes as one: a frame and what announces it need not be two records. */
  override write(chunk: unknown, ...rest: unknown[]): boolean {
    if (this.writableCorked === 0) {
      this.cork()
      process.nextTick(() => this.uncork())
    }
    return super.write(chunk, ...(rest as [BufferEncoding, WriteCallback]))
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: WriteCallback): void {
    this.#outgoing.take(this.#sealer.seal([chunk]), done)
  }

  override _writev(batch: { chunk: Buffer }[], done: WriteCallback): void {
    this.#outgoing.take(this.#sealer.seal(batch.map(({ chunk }) => chunk)), done)
  }

  override _final(done: WriteCallback): void {
    this.#connection.write(this.#sealer.end())
    this.#isSaid = true
    done()
  }

  override _destroy(error: Error | null, done: WriteCallback): void {
    // what is on its way may take a while; whoever closes early wants no more of it
    const closed = this.#isOver && !error ? this.#connection.end(CLOSE_TIMEOUT) : this.#connection.destroy()
    Promise.resolve(closed).then(() => done(error))
  }

  /** Both sides have said all. */
  get #isOver(): boolean {
    return this.readableEnded && this.#isSaid
  }

  /** The other side closes nothing before it has heard our end; who has gone can be told nothing. */
  #look(): void {
    if (!this.#isRawEnded || !this.readableEnded || this.#isSaid) return
    this.destroy(new SluiceError('ERR_INTERRUPTED', 'the peer closed the connection before it had heard all'))
  }
}

// what is written is sealed into other memory, and what is given was opened into memory of its own
addPlain(SecureDuplex)
