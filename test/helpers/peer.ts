import { createHash } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { FrameParser } from '../../lib/wire/frame-parser.js'
import { dataHeader } from '../../lib/wire/frames.js'
import { limitsOf } from '../../lib/wire/limits.js'
import { encodeMessage, type Message, type Messages } from '../../lib/wire/messages.js'
import { encodePreface } from '../../lib/wire/preface.js'

/** What a peer says: messages, or bytes as they are. */
export type Said = Message | Buffer

export const HELLO: Message = { type: 'hello', version: 1, agent: 'a test', features: [] }

/** A frame of data. */
export function data(position: number, bytes: string | Buffer): Buffer {
  const content = Buffer.from(bytes as string)
  return Buffer.concat([dataHeader(position, content.length), content])
}

/** The record of the digests of files that stand one behind the other. */
export function digests(first: number, ...contents: string[]): Message {
  const slots = contents.map((content) => createHash('sha256').update(content).digest())
  return { type: 'digests', first, count: slots.length, bytes: Buffer.concat(slots) }
}

type Heard = { [T in keyof Messages]: { type: T } & Messages[T] }

/** The other side of a session, played by a test: it says what it is told to, and keeps what it hears. */
export class Peer {
  /** The messages that were heard and not asked for yet. */
  readonly #messages: Message[] = []
  /** Data that was heard: the bytes by their position, in the order in which they came. */
  readonly data: { position: number; bytes: Buffer }[] = []
  /** Resolves when the other side has closed. */
  readonly closed: Promise<void>
  readonly #end: Duplex
  #isClosed = false
  #wake = () => {}

  constructor(end: Duplex, preface = encodePreface([])) {
    this.#end = end
    const limits = limitsOf()
    const parser = new FrameParser(limits, limits.message)
    end
      .on('error', () => {})
      .on('data', (chunk: Buffer) => {
        for (const frame of parser.parse([chunk])) {
          if (frame.kind === 'message') this.#messages.push(frame.message)
          else this.data.push({ position: frame.position, bytes: Buffer.concat(frame.chunks) })
        }
        this.#wake()
      })
    this.closed = new Promise((resolve) => {
      const close = () => {
        this.#isClosed = true
        this.#wake()
        resolve()
      }
      end.once('end', close).once('close', close)
    })
    end.write(preface)
  }

  /** Bytes of data so far. */
  get bytes(): number {
    return this.data.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  say(...said: Said[]): this {
    for (const one of said) this.#end.write(Buffer.isBuffer(one) ? one : encodeMessage(one))
    return this
  }

  /** Says nothing more, but listens. */
  close(...said: Said[]): void {
    this.say(...said)
    this.#end.end()
  }

  /** Breaks the connection. */
  leave(): void {
    this.#end.destroy()
  }

  /** Reads nothing until `resume`. */
  pause(): void {
    this.#end.pause()
  }

  resume(): void {
    this.#end.resume()
  }

  /** The next message of the type, or of one of them; those before it are dropped. */
  async hears<T extends keyof Messages>(...types: T[]): Promise<Heard[T]> {
    for (;;) {
      const at = this.#messages.findIndex(({ type }) => types.includes(type as T))
      if (at >= 0) return this.#messages.splice(0, at + 1).at(-1) as Heard[T]
      if (this.#isClosed) throw new Error(`the other side closed before it said ${types.join(' or ')}`)
      await this.#change()
    }
  }

  /** Resolves when at least so many bytes of data have come. */
  async takes(bytes: number): Promise<void> {
    while (this.bytes < bytes) {
      if (this.#isClosed) throw new Error(`the other side closed after ${this.bytes} bytes`)
      await this.#change()
    }
  }

  /** The messages so far that were not asked for. */
  get rest(): readonly Message[] {
    return this.#messages
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
