import type { Transform } from 'node:stream'
import type { Silence } from '../../async.js'
import { bytesGiven, nameOfStage } from './foreign-stage.js'

/** A wire stage as it stands around a connection. */
export interface MadeStage {
  /** Where it was given, for messages. */
  option: string
  stage: Transform
  /** It may have to wait for the peer before it gives anything. */
  isPaired: boolean
}

const PROMPT =
  'a wire stage has to give out all that it was given without waiting for more: flushing() does that for the compressors of node:zlib'

const OF_EITHER = 'it, or the stage of the peer whose bytes it reads, holds the rest back'

const OF_PEER = 'a wire stage there may hold back what it was given, as a compressor does that is not flushed'

/**
 * Finds the wire stages of this side that keep to themselves what one of the sides waits for, so that a conversation
 * does not begin. Both lists are in the order in which bytes flow.
 */
export class HeldBack {
  readonly #outgoing: readonly MadeStage[]
  readonly #incoming: readonly MadeStage[]
  /** What each stage was given until the peer was heard: the hello is in it, and that has to come out. */
  readonly #first = new Map<MadeStage, number>()
  /** Those that had held back by then; what was said later may have pushed the rest out of them. */
  #heldThen: readonly string[] = []

  constructor(outgoing: readonly MadeStage[], incoming: readonly MadeStage[]) {
    this.#outgoing = outgoing
    this.#incoming = incoming
  }

  /** The peer was heard. Whether it hears this side is not known by that: it may say later that it did not. */
  greeted({ said, hasWaited }: Pick<Silence, 'said' | 'hasWaited'>): void {
    if (hasWaited) this.#heldThen = [...this.#holding(this.#outgoing, said)]
    for (const made of this.#outgoing) this.#first.set(made, bytesGiven(made.stage))
  }

  /** Which stages they are, and what is to be done about it; undefined if there are none. */
  here({ said, heard, isGreeted, hasWaited }: Silence): string | undefined {
    if (!hasWaited) return undefined
    const outgoing = this.#heldThen.length > 0 ? this.#heldThen : [...this.#holding(this.#outgoing, said)]
    // what came from a peer that was heard need not have come out as a whole
    const incoming = isGreeted ? [] : [...this.#holding(this.#incoming, heard)]
    const held = [...outgoing, ...incoming].join(', ')
    if (held === '') return undefined
    return outgoing.length > 0 ? `${held}; ${PROMPT}` : `${held}; ${OF_EITHER}; ${PROMPT}`
  }

  /**
   * Stages that gave less than they were given: bytes that came out of one went into the next. Of one that waits for
   * the peer nothing is known.
   */
  *#holding(stages: readonly MadeStage[], cameOut: number): Generator<string, void> {
    for (const [at, made] of stages.entries()) {
      const { option, stage, isPaired } = made
      if (isPaired) continue
      const next = stages[at + 1]
      const [given, gave] = [bytesGiven(stage), next ? bytesGiven(next.stage) : cameOut]
      const what = gave === 0 ? 'nothing came out' : `only ${gave} came out`
      const due = this.#first.get(made) ?? given
      if (gave < due) yield `${given} bytes went into ${nameOfStage(stage, option)} and ${what}`
    }
  }
}

/**
 * What may be the reason where no stage of this side holds back and the peer was not heard.
 * @param otherwise what a peer may be that has said nothing at all
 */
export function heldByPeer(
  { came, heard, isGreeted, hasWaited }: Silence,
  otherwise?: string,
): string | undefined {
  if (isGreeted) return undefined
  if (came === 0) {
    const reasons = [hasWaited && `it may not be Sluice, or ${OF_PEER}`, otherwise].filter((reason) => reason)
    return reasons.length === 0 ? undefined : `the peer has said nothing: ${reasons.join('; ')}`
  }
  if (!hasWaited) return undefined
  const out = heard === 0 ? 'nothing came out of the incoming wire stages' : 'no whole hello was in them'
  return `${came} bytes came, and ${out}: ${OF_PEER}`
}
