import { createCipheriv } from 'node:crypto'
import { freeMemory } from '../bytes/free-memory.js'
import {
  ALGORITHM,
  ChunkKeys,
  type ChunkOptions,
  DATA,
  LAST,
  LENGTH,
  MAX_CHUNK,
  PREFIX,
  TAG,
} from './sealed-stream.js'

const ZEROS = Buffer.alloc(MAX_CHUNK)

/** Gives memory for so many bytes. */
type Take = (length: number) => Buffer

/** Seals the chunks of one stream, in their order; no stream itself. */
export class ChunkSealer {
  readonly #keys: ChunkKeys
  readonly #padding: number | undefined
  /** Bytes of content that one chunk has at most. */
  readonly #most: number
  readonly #take: Take

  /** @param take gives memory for a chunk */
  constructor(streamKey: Buffer, options: ChunkOptions = {}, take: Take = Buffer.allocUnsafe) {
    this.#keys = new ChunkKeys(streamKey, options)
    this.#take = take
    this.#padding = options.padding
    this.#most = options.padding ? MAX_CHUNK - LENGTH : MAX_CHUNK
  }

  /** Everything in `contents`, in as few chunks as it fits in, each of which is made when it is asked for. */
  *seal(contents: readonly Buffer[]): Generator<Buffer, void> {
    let group: Buffer[] = []
    let room = this.#most
    for (const content of contents) {
      for (let start = 0; start < content.length; ) {
        const part = content.subarray(start, start + room)
        group.push(part)
        start += part.length
        room -= part.length
        if (room > 0) continue
        yield this.#data(group)
        group = []
        room = this.#most
      }
    }
    if (group.length > 0) yield this.#data(group)
  }

  /** The chunk that ends the stream. */
  end(): Buffer {
    return this.#chunk(LAST, [])
  }

  #data(content: Buffer[]): Buffer {
    return this.#chunk(DATA, this.#padding ? padded(content, this.#padding) : content)
  }

  #chunk(kind: number, text: readonly Buffer[]): Buffer {
    const length = lengthOf(text)
    const sealed = this.#take(PREFIX + length + TAG)
    const prefix = sealed.subarray(0, PREFIX)
    prefix.writeUInt32BE(kind * 2 ** 24 + length)
    const { key, nonce } = this.#keys.next(kind)
    const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG })
    cipher.setAAD(prefix, { plaintextLength: length })
    const ciphered = text.map((part) => cipher.update(part))
    let at = PREFIX
    for (const part of ciphered) at += part.copy(sealed, at)
    freeMemory(ciphered)
    cipher.final()
    cipher.getAuthTag().copy(sealed, at)
    return sealed
  }
}

function padded(content: readonly Buffer[], multiple: number): Buffer[] {
  const length = lengthOf(content)
  const prefix = Buffer.alloc(LENGTH)
  prefix.writeUIntBE(length, 0, LENGTH)
  const zeros = (multiple - ((LENGTH + length) % multiple)) % multiple
  return [prefix, ...content, ZEROS.subarray(0, zeros)]
}

function lengthOf(parts: readonly Buffer[]): number {
  let length = 0
  for (const part of parts) length += part.length
  return length
}
