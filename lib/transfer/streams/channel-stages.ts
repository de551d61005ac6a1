import type { Duplex, Transform } from 'node:stream'
import type { Owed, Silence } from '../../async.js'
import type { Offer } from '../../wire/entry.js'
import type { PeerLimits } from '../../wire/limits.js'
import type { Message } from '../../wire/messages.js'
import type { InputMemory } from './read-into.js'

/** The stages around a socket, made by `send` and `receive`. */
export interface ChannelStages {
  /**
   * Takes the river of a sender. `talk` puts a message between two frames; `announce` says what is known of an offer
   * before that is given out; `close` ends without one.
   */
  framer: Duplex & {
    limit(limits: PeerLimits): void
    talk(message: Message): void
    announce(offer: Offer): Promise<void>
    ready(): Promise<void>
    close(): void
  }
  /** Gives the river to a receiver; the conversation goes to `onTalk`, until that says `false`. */
  deframer(onTalk: (message: Message) => boolean): Duplex & {
    readonly rest: Buffer | null
    readonly bytesGiven: number
    readonly framesBegun: number
    finish(): void
  }
  outgoing: Transform[]
  incoming: Transform[]
  /** The formats of the wire stages, the first applied first. */
  formats: string[]
  /** Told when the peer has said HELLO. */
  greeted(silence: Pick<Silence, 'said' | 'hasWaited'>): void
  /** Why one side does not hear the other; undefined if it is not known here. */
  unheard(silence: Silence): string | undefined
  /** What stages that are not ours, and a store, have been given to do, and have not done. */
  owed(): Iterable<Owed>
  /** Called before all are destroyed since the transfer is over: that is no fault of those that are not ours. */
  dismiss(): void
  /**
   * Told of each chunk that the socket has taken, and reads no more. Where that is not known of it, nothing is told.
   */
  sent?: ((chunk: Buffer) => void) | undefined
  /** Where what comes is read into, or which is told of each chunk that the socket made for this channel alone. */
  memory?: InputMemory | undefined
}
