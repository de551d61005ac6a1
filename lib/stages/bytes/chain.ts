import type { Transform } from 'node:stream'
import { isSluiceError, messageOf, SluiceError } from '../../errors.js'
import { badOption } from '../../options.js'
import type { Limits } from '../../wire/limits.js'
import type { WireStage } from './wire-stage.js'

/** What {@link wireChain} takes: the options of `send` and `receive` that concern the connection. */
export interface WireChainOptions {
  stages?: { wire?: readonly WireStage[] }
  keepOpen?: boolean
  limits: Limits
}

/** Frames on a throttled connection take at most this part of a second, so that talk is not behind by more than one. */
const FRAMES_PER_SECOND = 8

/**
 * The wire stages of one connection, made afresh, for both directions; and the most data bytes in a frame that they
 * allow. Throws `ERR_USAGE` for what is no wire stage.
 */
export function wireChain({ stages, keepOpen = false, limits }: WireChainOptions) {
  const wire = stages?.wire ?? []
  checkWire(wire)
  if (keepOpen && wire.length > 0) {
    throw badOption('keepOpen', 'false with wire stages: where their bytes end is not known', keepOpen)
  }
  const rate = Math.min(...wire.map((stage) => stage.rate ?? Number.POSITIVE_INFINITY))
  const maxFrame = Math.max(1, Math.min(limits.frame, Math.floor(rate / FRAMES_PER_SECOND)))
  return {
    maxFrame,
    outgoing: wire.flatMap((stage) => (stage.outgoing ? made('stages.wire', () => stage.outgoing!()) : [])),
    incoming: wire
      .flatMap((stage) => (stage.incoming ? made('stages.wire', () => stage.incoming!()) : []))
      .reverse(),
    formats: wire.flatMap((stage) => stage.format ?? []),
  }
}

function checkWire(wire: readonly WireStage[]): void {
  const isMaker = (make: unknown) => make === undefined || typeof make === 'function'
  if (
    Array.isArray(wire) &&
    wire.every((stage) => stage && isMaker(stage.outgoing) && isMaker(stage.incoming))
  )
    return
  throw badOption('stages.wire', 'a list of wire stages, as throttle() gives one', wire)
}

/**
 * Calls a maker of stages.
 * @throws SluiceError `ERR_USAGE` if it fails, or gives no stream: without the stage the bytes would go as they are
 */
export function made(option: string, make: () => Transform): Transform {
  let stage: Transform
  try {
    stage = make()
  } catch (cause) {
    if (isSluiceError(cause)) throw cause
    throw new SluiceError('ERR_USAGE', `a stage of ${option} could not be made: ${messageOf(cause)}`, {
      cause,
    })
  }
  if (typeof stage?.pipe === 'function' && typeof stage.write === 'function') return stage
  throw badOption(`what a function of ${option} makes`, 'a Transform', stage)
}
