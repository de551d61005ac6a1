import { type Duplex, type FinishedOptions, finished, type Readable, type Transform } from 'node:stream'
import pump from 'pump'
import type { PeerLimits } from '../wire/limits.js'
import type { Message } from '../wire/messages.js'

/** The stages around a socket, made by `send` and `receive`. */
export interface Chain {
  /** Takes the river of a sender. `talk` puts a message between two frames; `close` ends without one. */
  framer: Duplex & {
    limit(limits: PeerLimits): void
    talk(message: Message): void
    ready(): Promise<void>
    close(): void
  }
  /** Gives the river to a receiver; the conversation goes to `onTalk`, until that says `false`. */
  deframer(onTalk: (message: Message) => boolean): Duplex & { readonly rest: Buffer | null; finish(): void }
  outgoing: Transform[]
  incoming: Transform[]
  /** The formats of the wire stages, the first applied first. */
  formats: string[]
}

/** Pipes each stage into the next. They are torn down together when one fails; `failed` is told why. */
export function tie(stages: Duplex[], failed: (error: Error) => void): void {
  const heed = (error?: Error | null) => error && failed(error)
  if (stages.length > 1) pump(stages, heed)
  else stages[0]!.on('error', heed)
}

/** Resolves when the stream has ended, or was destroyed; or is not listened to any more. */
export function ended(stream: Duplex | Readable, options: FinishedOptions = {}): Promise<void> {
  return new Promise((resolve) => {
    finished(stream, options, () => resolve())
  })
}
