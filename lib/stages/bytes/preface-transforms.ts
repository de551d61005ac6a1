import type { Transform } from 'node:stream'
import { SluiceError } from '../../errors.js'
import { badOption } from '../../options.js'
import { encodePreface, PrefaceCheck } from '../../wire/preface.js'
import { takeStage } from './foreign-stage.js'
import { checkStage, type WireStage } from './wire-stage.js'
import { WrappingTransform, wrappable } from './wrapping-transform.js'

/**
 * The outgoing side of a wire stage for a pipeline made by hand: a preface that names its format, then what it
 * makes of the input. Throws `ERR_USAGE` if the stage has no outgoing side, or does not make a fresh
 * stream, or, with a format, one that is not of `node:stream`.
 */
export function outgoingOf(stage: WireStage): Transform {
  const inner = innerOf(stage, 'outgoing')
  if (stage.format === undefined) return inner
  const writer = new WrappingTransform(inner)
  writer.push(encodePreface([stage.format]))
  return writer
}

/**
 * The incoming side of a wire stage for a pipeline made by hand: checks that the preface names exactly its
 * format, and undoes the rest. Throws `ERR_USAGE` if the stage has no incoming side, or does not make a fresh
 * stream, or, with a format, one that is not of `node:stream`.
 * The stream fails with `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS` (both lists are named), `ERR_TRUNCATED` or an
 * error of the stage.
 */
export function incomingOf(stage: WireStage): Transform {
  const inner = innerOf(stage, 'incoming')
  return stage.format === undefined ? inner : new PrefaceReader(inner, stage.format)
}

function innerOf(stage: WireStage, side: 'outgoing' | 'incoming'): Transform {
  checkStage('stage', stage)
  const make = stage[side]
  const name = stage.format === undefined ? 'without a format' : `'${stage.format}'`
  if (!make) throw badOption(`${side} of the wire stage ${name}`, 'a function', make)
  const what = `what ${side} of the wire stage ${name} makes`
  const made = takeStage(what, make.call(stage))
  return stage.format === undefined ? made : wrappable(what, made)
}

class PrefaceReader extends WrappingTransform {
  readonly #preface: PrefaceCheck

  constructor(inner: Transform, format: string) {
    super(inner)
    this.#preface = new PrefaceCheck([format])
  }

  protected override admit(chunk: Buffer): Buffer {
    return this.#preface.strip(chunk)
  }

  protected override finishing(): void {
    if (this.#preface.complete) return
    throw new SluiceError('ERR_TRUNCATED', 'the stream ended within its preface')
  }
}
