import { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../clock.js'
import { SluiceError } from '../errors.js'
import { checkKeys, checkNumber, checkOption, checkWhole } from '../options.js'
import { randomBySeed } from './splits.js'

/**
 * What goes wrong with the bytes that one end writes. All positions are bytes from the beginning; a fault at 0
 * happens with the first write. Of several that end or hold up the connection at one position, the first in this order
 * happens.
 */
export interface Faults {
  /** After so many bytes the connection is gone: the reader sees an early end, the writer `EPIPE`. */
  cutAfter?: number
  /** After so many bytes both ends fail with this error (`ECONNRESET` by default), and what is in flight is lost. */
  errorAfter?: number
  error?: Error
  /** After so many bytes the rest disappears on the way, as if a firewall had forgotten the connection. */
  dropAfter?: number
  /** After so many bytes the other end takes no more, for ever: a peer that never reads. */
  stallAfter?: number
  /** Bytes in each piece that arrives; `random` by {@link Faults.seed}. As they were written, by default. */
  pieces?: number | 'random'
  /** For random pieces. */
  seed?: number
  /** Bits that arrive as the opposite, counted from the beginning: bit 8 is the lowest of the second byte. */
  flips?: readonly number[]
  /** The piece that holds the byte at this position arrives twice. */
  duplicateAt?: number
  /** Milliseconds that every piece takes, one after the other. */
  delay?: number
}

/** What {@link duplexPair} takes: what happens on the way from the first end to the second, and back. */
export interface DuplexPairOptions {
  forth?: Faults
  back?: Faults
  /** Bytes that may wait in each buffer; 16 KiB by default. */
  highWaterMark?: number
  /** Where the delay comes from. */
  clock?: Clock
}

const RANDOM_PIECE = 4096

/**
 * Two ends of a connection in memory, as half-open as sockets are: each end may be ended on its own, a reader
 * that does not read stops the writer, and when one is destroyed the other sees the end, or `ECONNRESET` if
 * something was unread. Throws `ERR_USAGE` on a fault that is not possible.
 */
export function duplexPair(options: DuplexPairOptions = {}): [Duplex, Duplex] {
  checkKeys('options', options, { forth: true, back: true, highWaterMark: true, clock: true })
  const { forth = {}, back = {}, highWaterMark = 16 * 1024, clock = systemClock } = options
  check('forth', forth)
  check('back', back)
  const first = new End(forth, back, highWaterMark, clock)
  const second = new End(back, forth, highWaterMark, clock)
  first.peer = second
  second.peer = first
  return [first, second]
}

/**
 * From now on, what either end of one pair writes arrives at the other pair, as behind a proxy that mixes up two
 * connections. Takes the first end of each pair.
 */
export function swapPairs(one: Duplex, other: Duplex): void {
  const areTwo = one instanceof End && other instanceof End && one !== other && one.peer !== other
  if (!areTwo)
    throw new SluiceError('ERR_USAGE', 'swapPairs takes the first ends of two pairs that duplexPair made')
  one.swap(other)
}

function check(direction: string, faults: Faults): void {
  checkKeys(direction, faults, {
    cutAfter: true,
    errorAfter: true,
    error: true,
    dropAfter: true,
    stallAfter: true,
    pieces: true,
    seed: true,
    flips: true,
    duplicateAt: true,
    delay: true,
  })
  const { cutAfter, errorAfter, dropAfter, stallAfter, duplicateAt, delay, pieces, flips = [] } = faults
  const numbers = { cutAfter, errorAfter, dropAfter, stallAfter, delay }
  for (const [name, value] of Object.entries(numbers)) checkNumber(name, value, 0)
  checkWhole('duplicateAt', duplicateAt, 0)
  checkOption('flips', flips, Array.isArray(flips), 'a list of numbers of bits')
  for (const bit of flips) checkWhole('flips', bit ?? null, 0)
  if (pieces !== 'random') checkWhole('pieces', pieces, 1)
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}, made up for a test`), { code })
}

type Done = (error?: Error | null) => void

class End extends Duplex {
  peer: End | undefined
  readonly #faults: Faults
  readonly #clock: Clock
  readonly #random: () => number
  /** Bytes that have arrived at the peer, or were lost on purpose. */
  #sent = 0
  #gone = false
  #endCame = false
  #wanted = false
  /** What goes on once this end reads again: after a swap two may write to it. */
  #parked: (() => void)[] = []
  #writing: Done | undefined
  #cancel: (() => void) | undefined

  constructor(faults: Faults, arriving: Faults, highWaterMark: number, clock: Clock) {
    // Pieces that wait together would be read as one.
    const readableHighWaterMark = arriving.pieces === undefined ? highWaterMark : 1
    super({ readableHighWaterMark, writableHighWaterMark: highWaterMark, allowHalfOpen: true })
    this.#faults = faults
    this.#clock = clock
    this.#random = randomBySeed(faults.seed ?? 1)
  }

  override _read(): void {
    this.#wanted = true
    this.#read()
  }

  #read(): void {
    const parked = this.#parked.splice(0)
    // Not from within read(), which would join what comes now to what it was about to give.
    for (const goOn of parked) process.nextTick(goOn)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Done): void {
    this.#writing = callback
    if (this.#gone) this.#wrote(systemError('EPIPE'))
    else this.#carry(chunk)
  }

  override _final(callback: Done): void {
    this.#writing = callback
    // nobody is there to notice; as a socket it ends all the same
    if (this.#gone) return this.#wrote()
    if (this.#strike()) return
    this.peer!.#arrivedEnd()
    this.#wrote()
  }

  override _destroy(error: Error | null, callback: Done): void {
    this.#cancel?.()
    // As the kernel does it: only what was not read resets the connection. An error here is not known there.
    const reset = this.readableLength > 0
    // In a turn of its own, as the other machine would notice it.
    setImmediate(() => this.peer!.#lost(reset))
    callback(error)
  }

  swap(other: End): void {
    const [far, otherFar] = [this.peer!, other.peer!]
    this.peer = otherFar
    otherFar.peer = this
    other.peer = far
    far.peer = other
    // who waited for the one to read looks whether the other does
    for (const end of [this, far, other, otherFar]) end.#read()
  }

  #wrote(error?: Error): void {
    const done = this.#writing
    this.#writing = undefined
    done?.(error)
  }

  #arrivedEnd(): void {
    if (this.#endCame || this.destroyed) return
    this.#endCame = true
    this.push(null)
  }

  /** The other end was destroyed. */
  #lost(reset: boolean): void {
    const known = this.#gone || (this.#endCame && this.writableFinished)
    this.#gone = true
    if (this.destroyed) return
    if (reset && !known) this.destroy(systemError('ECONNRESET'))
    else this.#arrivedEnd()
    this.#cancel?.()
    this.#wrote(systemError('EPIPE'))
  }

  /** Lets the fault happen that is due at this position; says whether there was one. */
  #strike(): boolean {
    const { cutAfter, errorAfter, dropAfter, stallAfter, error } = this.#faults
    const due = (after: number | undefined) => after !== undefined && this.#sent >= after
    const peer = this.peer!
    if (due(cutAfter)) {
      this.#gone = true
      peer.#gone = true
      peer.#arrivedEnd()
      this.#wrote(systemError('EPIPE'))
    } else if (due(errorAfter)) {
      const failure = error ?? systemError('ECONNRESET')
      peer.destroy(failure)
      this.#wrote(failure)
    } else if (due(dropAfter)) this.#wrote()
    else return due(stallAfter)
    return true
  }

  #carry(rest: Buffer): void {
    const peer = this.peer!
    while (!this.destroyed) {
      if (this.#strike()) return
      if (rest.length === 0) {
        this.#wrote()
        return
      }
      // A copy, as through a socket: the writer may use its buffer again.
      const piece = this.#flipped(Buffer.from(rest.subarray(0, this.#sizeOfNext())))
      const after = rest.subarray(piece.length)
      const arrive = () => {
        const from = this.#sent
        this.#sent += piece.length
        // after a swap it may have been told of an end
        if (peer.#endCame) return true
        peer.#wanted = false
        const { duplicateAt = -1 } = this.#faults
        if (from <= duplicateAt && duplicateAt < this.#sent) peer.push(Buffer.from(piece))
        return peer.push(piece) || peer.#wanted
      }
      const { delay } = this.#faults
      if (delay !== undefined) {
        this.#cancel = this.#clock.after(delay, () => {
          if (arrive()) this.#carry(after)
          else peer.#parked.push(() => this.#carry(after))
        })
        return
      }
      if (!arrive()) {
        peer.#parked.push(() => this.#carry(after))
        return
      }
      rest = after
    }
  }

  #flipped(piece: Buffer): Buffer {
    for (const bit of this.#faults.flips ?? []) {
      const at = Math.floor(bit / 8) - this.#sent
      if (at >= 0 && at < piece.length) piece[at]! ^= 1 << (bit % 8)
    }
    return piece
  }

  #sizeOfNext(): number {
    const { cutAfter, errorAfter, dropAfter, stallAfter, pieces } = this.#faults
    let size = Number.POSITIVE_INFINITY
    if (pieces === 'random') size = 1 + Math.floor(this.#random() * RANDOM_PIECE)
    else if (pieces !== undefined) size = pieces
    for (const after of [cutAfter, errorAfter, dropAfter, stallAfter]) {
      if (after !== undefined && after > this.#sent) size = Math.min(size, after - this.#sent)
    }
    return size
  }
}
