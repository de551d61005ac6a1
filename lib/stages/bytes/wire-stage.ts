import { SluiceError } from '../../errors.js'
import { badOption, checkCallback, checkMembers, checkNumber, checkOption, type Keys } from '../../options.js'
import type { Limits } from '../../wire/limits.js'
import { checkFormat, MAX_FORMATS } from '../../wire/preface.js'
import { dismiss, makeForeignStage, owedBy, type StageStream } from './foreign-stage.js'
import { HeldBack, type MadeStage } from './held-back.js'
import { Rate } from './rate.js'

/**
 * What stands between the framer and the connection: throttling, encryption, compression, or your own.
 * A session runs `outgoing` in the order of its list and `incoming` in reverse.
 *
 * A stage has to give out all that it was given without waiting for more: in a conversation the other side waits for
 * it. The compressors of `node:zlib` hold back until they are flushed (`flushing()` does that), a block cipher such as
 * CBC holds back up to a block and cannot be flushed (CTR and GCM do not hold back). `sluice/testing` has a suite that
 * tells.
 *
 * It is an object, or an instance of a class, whose other fields and methods are its own. It has at least one of
 * `outgoing`, `incoming` and `paired`. The compiler cannot ask for that; `send` and `receive` do, and refuse also what
 * misspells a member: without it the bytes would go as they are.
 */
export interface WireStage<Stream extends StageStream = StageStream> {
  /**
   * What the bytes are afterwards: 1 to 64 printable ASCII characters, without a space. Both sides must have the same
   * list of formats; it goes plain, ahead of everything. A stage that leaves the bytes as they are has none, and may
   * stand on one side only.
   */
  format?: string
  /**
   * Bytes per second that it lets pass; the session keeps frames so small that talk is never more than a second behind.
   * Where they can be changed meanwhile ({@link Rate}), what was framed before is not made smaller.
   */
  rate?: number | Rate
  /** A fresh Transform for what leaves; called once for each connection. */
  outgoing?(): Stream
  /** A fresh Transform for what arrives; called once for each connection. */
  incoming?(): Stream
  /**
   * Both sides for one connection, and their format, where one side depends on the other: in a conversation it is
   * called in the place of `outgoing` and `incoming`, which serve one way then, and may be left out where it never goes
   * one way.
   */
  paired?(): PairedSides<Stream>
}

/** Both sides of a {@link WireStage} for one conversation. */
export interface PairedSides<Stream extends StageStream = StageStream> {
  format?: string
  outgoing: Stream
  incoming: Stream
}

const KEYS = {
  format: true,
  rate: true,
  outgoing: true,
  incoming: true,
  paired: true,
} satisfies Keys<WireStage>

const PAIR_KEYS = { format: true, outgoing: true, incoming: true } satisfies Keys<PairedSides>

/** Frames on a throttled connection take at most this part of a second, so that talk is not behind by more than one. */
const FRAMES_PER_SECOND = 8

/**
 * Throws `ERR_USAGE` for what are no wire stages, or cannot be used so.
 * @param keptOpenBy the option for which the connection is to be given back, if there is one
 */
export function checkWireStages(wire: readonly WireStage[] = [], keptOpenBy?: string): void {
  checkOption('stages.wire', wire, Array.isArray(wire), 'a list of wire stages, as throttle() gives one')
  for (const [at, stage] of wire.entries()) checkStage(`stages.wire[${at}]`, stage)
  const hasEnd = ({ format, incoming, paired }: WireStage) => !format && !incoming && !paired
  if (keptOpenBy !== undefined && !wire.every(hasEnd))
    throw badOption(
      keptOpenBy,
      'false with wire stages that have a format or take in what comes: where their bytes end is not known',
      true,
    )
}

/**
 * The wire stages of one connection, made afresh, for both directions; and the most data bytes in a frame that they
 * allow. Throws `ERR_USAGE` for what is no wire stage.
 */
export function makeWireStages(
  wire: readonly WireStage[] = [],
  keptOpenBy: string | undefined,
  limits: Limits,
) {
  checkWireStages(wire, keptOpenBy)
  const pairs = wire.map((stage, at) => pairOf(`stages.wire[${at}]`, stage))
  const formats = wire.flatMap((stage, at) => (pairs[at] ?? stage).format ?? [])
  if (formats.length > MAX_FORMATS)
    throw badOption('the number of formats in stages.wire', `at most ${MAX_FORMATS}`, formats.length)
  const makeAll = (side: 'outgoing' | 'incoming'): MadeStage[] =>
    wire.flatMap((stage, at) => {
      const make = pairs[at]?.[side] ?? (stage[side] && (() => stage[side]!()))
      const option = `stages.wire[${at}].${side}`
      return make ? { option, stage: makeForeignStage(option, make), isPaired: pairs[at] !== undefined } : []
    })
  const outgoing = makeAll('outgoing')
  const incoming = makeAll('incoming').reverse()
  const heldBack = new HeldBack(outgoing, incoming)
  const stagesOf = (made: readonly MadeStage[]) => made.map(({ stage }) => stage)
  const all = stagesOf([...outgoing, ...incoming])
  return {
    maxFrame: maxFrameOf(wire, limits),
    outgoing: stagesOf(outgoing),
    incoming: stagesOf(incoming),
    formats,
    heldBack,
    greeted: heldBack.greeted.bind(heldBack),
    owed: () => all.flatMap((stage) => [...owedBy(stage)]),
    dismiss: () => all.forEach(dismiss),
  }
}

/** How large frames may be: a number, or where a rate can be changed what gives the one that counts now. */
function maxFrameOf(wire: readonly WireStage[], { frame }: Limits): number | (() => number) {
  const rates = wire.flatMap(({ rate }) => rate ?? [])
  const now = () => {
    const limits = rates.map((rate) => (rate instanceof Rate ? rate.limit : rate) ?? Number.POSITIVE_INFINITY)
    return Math.max(1, Math.min(frame, Math.floor(Math.min(...limits) / FRAMES_PER_SECOND)))
  }
  return rates.some((rate) => rate instanceof Rate) ? now : now()
}

/** The sides of a stage that are made together, to be taken one by one. */
function pairOf(option: string, stage: WireStage) {
  if (!stage.paired) return undefined
  try {
    const pair = stage.paired()
    checkPair(`${option}.paired`, pair)
    const { format, outgoing, incoming } = pair
    return { format, outgoing: () => outgoing, incoming: () => incoming }
  } catch (error) {
    const fail = () => {
      throw error
    }
    return { format: stage.format, outgoing: fail, incoming: fail }
  }
}

/**
 * Throws `ERR_USAGE` unless a stage has given both sides of a conversation.
 * @param option its `paired`, for messages
 */
export function checkPair(option: string, pair: PairedSides): void {
  const what = `what ${option} gives`
  const isPair = pair?.outgoing !== undefined && pair.incoming !== undefined
  checkOption(what, pair, isPair, 'an object with outgoing, incoming, and perhaps a format')
  checkMembers(what, pair, PAIR_KEYS)
  checkFormat(`the format that ${option} gives`, pair.format)
}

/**
 * A wire stage of ours, which is no stream: a pipeline that is given one asks whether it is, and whoever made that is
 * told what belongs there.
 * @param instead what is a stream, and does the same
 */
export function noStream<S extends WireStage>(name: string, instead: string, stage: S): S {
  const get = () => {
    const message = `${name}() gives a wire stage, which belongs into stages.wire of send() and receive(); in a pipeline of your own use ${instead}`
    throw new SluiceError('ERR_USAGE', message)
  }
  return Object.defineProperty(stage, 'pipe', { get })
}

/**
 * What is no stage would be left out, and the bytes would go as they are: in the clear, where it should have encrypted.
 */
export function checkStage(option: string, stage: WireStage): void {
  const expected = 'a wire stage, as throttle() gives one: an object with outgoing, incoming, both, or paired'
  const isObject = typeof stage === 'object' && stage !== null && !('write' in stage)
  checkOption(option, stage, isObject, expected)
  checkMembers(option, stage, KEYS)
  checkCallback(`${option}.outgoing`, stage.outgoing)
  checkCallback(`${option}.incoming`, stage.incoming)
  checkCallback(`${option}.paired`, stage.paired)
  const hasSide = [stage.outgoing, stage.incoming, stage.paired].some((side) => side !== undefined)
  checkOption(option, stage, hasSide, expected)
  checkFormat(`${option}.format`, stage.format)
  if (!(stage.rate instanceof Rate)) checkNumber(`${option}.rate`, stage.rate, 1, 'bytes per second')
}
