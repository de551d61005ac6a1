import type { Transform } from 'node:stream'
import { asSluiceError } from '../../errors.js'
import { badOption, checkOption } from '../../options.js'
import type { Limits } from '../../wire/limits.js'

/**
 * What stands between the framer and the connection: throttling, encryption, compression, or your own.
 * A session runs `outgoing` in the order of its list and `incoming` in reverse.
 */
export interface WireStage {
  /**
   * What the bytes are afterwards. Both sides must have the same list of formats; it goes plain, ahead of
   * everything. A stage that leaves the bytes as they are has none, and may stand on one side only.
   */
  format?: string
  /** Bytes per second that it lets pass; the session keeps frames so small that talk is never more than a second behind. */
  rate?: number
  /** A fresh Transform for what leaves; called once for each connection. */
  outgoing?(): Transform
  /** A fresh Transform for what arrives; called once for each connection. */
  incoming?(): Transform
}

/** Frames on a throttled connection take at most this part of a second, so that talk is not behind by more than one. */
const FRAMES_PER_SECOND = 8

/**
 * The wire stages of one connection, made afresh, for both directions; and the most data bytes in a frame that they
 * allow. Throws `ERR_USAGE` for what is no wire stage.
 */
export function makeWireStages(wire: readonly WireStage[] = [], keepOpen = false, limits: Limits) {
  const isMaker = (make: unknown) => make === undefined || typeof make === 'function'
  const isStage = (stage: WireStage) => stage && isMaker(stage.outgoing) && isMaker(stage.incoming)
  const areStages = Array.isArray(wire) && wire.every(isStage)
  checkOption('stages.wire', wire, areStages, 'a list of wire stages, as throttle() gives one')
  if (keepOpen && wire.length > 0)
    throw badOption('keepOpen', 'false with wire stages: where their bytes end is not known', keepOpen)
  const rate = Math.min(...wire.map((stage) => stage.rate ?? Number.POSITIVE_INFINITY))
  const maxFrame = Math.max(1, Math.min(limits.frame, Math.floor(rate / FRAMES_PER_SECOND)))
  const makeAll = (side: 'outgoing' | 'incoming') =>
    wire.flatMap((stage) => (stage[side] ? made('stages.wire', () => stage[side]!()) : []))
  const formats = wire.flatMap((stage) => stage.format ?? [])
  return { maxFrame, outgoing: makeAll('outgoing'), incoming: makeAll('incoming').reverse(), formats }
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
    throw asSluiceError(cause, 'ERR_USAGE', `a stage of ${option} could not be made`)
  }
  if (typeof stage?.pipe === 'function' && typeof stage.write === 'function') return stage
  throw badOption(`what a function of ${option} makes`, 'a Transform', stage)
}
