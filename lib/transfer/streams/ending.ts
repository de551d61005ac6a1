import type { Duplex, Readable, Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { type Clock, systemClock } from '../../clock.js'

/** How far a stream has come to its end, remembered: streams tell it once, and most cannot be asked. */
export class Ending {
  readonly #stream: Readable | Writable
  readonly #clock: Clock
  /** What is to be heard of the stream: {@link listen} listens, unless somebody does it in its place. */
  readonly listeners: readonly [name: string, listener: () => void][]
  #ended: boolean
  #finished = false
  #closed: boolean
  #look = () => {}

  constructor(stream: Readable | Writable, clock: Clock = systemClock) {
    this.#clock = clock
    this.#stream = stream
    this.#ended = (stream as Readable).readableEnded === true
    // one that cannot be asked whether it told so, and was destroyed before anybody listened, may have
    this.#closed = stream.closed ?? stream.destroyed === true
    const noting = (note: () => void) => () => {
      note()
      this.#look()
    }
    const told = {
      end: noting(() => {
        this.#ended = true
      }),
      finish: noting(() => {
        this.#finished = true
      }),
      close: noting(() => {
        this.#closed = true
      }),
      error: noting(() => {}),
    }
    this.listeners = Object.entries(told)
  }

  /** Listens to the stream. */
  listen(): this {
    for (const [name, listener] of this.listeners) this.#stream.on(name, listener)
    return this
  }

  /** It is closed, or was destroyed and does not tell when it is. */
  get isGone(): boolean {
    return this.#closed || (this.#stream.destroyed === true && !tellsClose(this.#stream))
  }

  /** Nothing more comes out of it. */
  get isReadToEnd(): boolean {
    return this.#ended || this.isGone
  }

  /** Nothing more comes out of it, and what went in has arrived. */
  get isOver(): boolean {
    return (this.#ended && this.#finished) || this.isGone
  }

  /** Resolves when that is so, when `orSooner` does, or after so many milliseconds. */
  async until(
    isSo: (ending: Ending) => boolean,
    milliseconds: number,
    orSooner?: Promise<void>,
  ): Promise<void> {
    if (isSo(this)) return
    let cancel = () => {}
    const told = new Promise<void>((resolve) => {
      cancel = this.#clock.after(milliseconds, resolve)
      this.#look = () => isSo(this) && resolve()
    })
    await (orSooner ? Promise.race([told, orSooner]) : told)
    cancel()
    this.#look = () => {}
  }
}

/** Whether it emits 'close' once it was destroyed. */
export function tellsClose(stream: Readable | Writable): boolean {
  const { _readableState: readable, _writableState: writable } = stream as {
    _readableState?: { emitClose?: boolean }
    _writableState?: { emitClose?: boolean }
  }
  return (readable ?? writable)?.emitClose === true
}

/** Resolves when all of the streams, which have ended or been destroyed, have closed what they opened. */
export async function closed(streams: readonly (Readable | Writable)[]): Promise<void> {
  await Promise.all(
    streams.map((stream) => stream.closed || new Promise((resolve) => stream.once('close', resolve))),
  )
}

/**
 * The same for streams that are not ours: closes those that do not do so by themselves, and waits for none longer
 * than `milliseconds`, nor for one that never tells.
 */
export async function closedSoon(streams: readonly Duplex[], milliseconds: number): Promise<void> {
  for (const stream of streams) stream.destroy()
  const telling = streams.filter(tellsClose)
  const stop = new AbortController()
  const late = setTimeout(milliseconds, undefined, { signal: stop.signal }).catch(() => {})
  await Promise.race([closed(telling), late])
  stop.abort()
}
