import { BLOCK_DIGEST_LENGTH, blockSizeOf } from '../../digest/blocks.js'
import type { Plan } from '../../transfer/plan.js'
import { hasDigest } from '../../wire/run.js'
import type { Said } from '../river/items-of.js'

/** Messages that wait, and bytes of what they say, at most: several times what a sender of ours says ahead. */
const MOST_WAITING = 4096
const MOST_BYTES = 16 * 1024 * 1024

/**
 * Messages about data that is on its way over other connections: they wait until it is there, and so does what comes
 * behind them. That a file has failed waits for nothing. Pure.
 */
export class EarlyMessages {
  readonly #plan: Plan
  readonly #waiting: Said[] = []
  #first = 0
  /** Bytes of what those say that wait. */
  #bytes = 0

  constructor(plan: Plan) {
    this.#plan = plan
  }

  /** Whether a message has to wait, behind others or for data. */
  isEarly(message: Said): boolean {
    if (message.type === 'digests' && message.failures) return false
    return this.#waiting.length > 0 || this.#lacks(message)
  }

  add(message: Said): void {
    const kept = copyOf(message)
    this.#bytes += lengthOf(kept)
    this.#waiting.push(kept)
  }

  /** Whether so many wait that no more should be heard. */
  get isFull(): boolean {
    return this.#waiting.length - this.#first >= MOST_WAITING || this.#bytes >= MOST_BYTES
  }

  /** The first one that waits, if it need not any more. */
  next(): Said | undefined {
    const next = this.#waiting[this.#first]
    if (next === undefined || this.#lacks(next)) return undefined
    this.#first++
    this.#bytes -= lengthOf(next)
    // also where there is always one that waits
    if (2 * this.#first >= this.#waiting.length) {
      this.#waiting.splice(0, this.#first)
      this.#first = 0
    }
    return next
  }

  /** Whether data that a message is about is still to come. */
  #lacks(message: Said): boolean {
    const plan = this.#plan
    if (message.type === 'blocks') {
      const { index, first, digests } = message
      const size = plan.entries[index]?.size
      if (!size || !plan.isOpen(index)) return false
      const block = blockSizeOf(size)
      const end = Math.min(size, (first + digests.length / BLOCK_DIGEST_LENGTH) * block)
      return plan.left(index) > 0 && !plan.isKnown(index, first * block, end)
    }
    if (message.type !== 'digests') return false
    const end = Math.min(message.first + message.count, plan.entries.length)
    for (let index = message.first; index < end; index++)
      // what has no known size comes over the first connection, in order
      if (plan.entries[index]!.size !== null && plan.left(index) > 0 && hasDigest(message, index)) return true
    return false
  }
}

/** With bytes of its own: those that came hold on to all of what the socket gave with them. */
function copyOf(message: Said): Said {
  if (message.type === 'blocks') return { ...message, digests: Buffer.from(message.digests) }
  if (message.type === 'digests') return { ...message, bytes: Buffer.from(message.bytes) }
  if (message.type === 'chunks') return { ...message, chunks: Buffer.from(message.chunks) }
  return message
}

/** Bytes that a size takes, which was said of an entry. */
const OF_SIZE = 64

function lengthOf(message: Said): number {
  if (message.type === 'blocks') return message.digests.length
  if (message.type === 'digests') return message.bytes.length + (message.sizes?.size ?? 0) * OF_SIZE
  return message.type === 'chunks' ? message.chunks.length : 0
}
