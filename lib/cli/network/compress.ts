import { isSluiceError, printable, SluiceError } from '../../errors.js'
import type { WireStage } from '../../stages/bytes/wire-stage.js'
import { compression } from '../../stages/compression.js'

/** `true`: `--compress` without a value. */
export type CompressFlag = string | true | undefined

/**
 * The level of `--compress auto`. Of brotli, since that takes half the time of gzip for less bytes: measured (one core,
 * 20 MB each), at this level 110 to 170 MB/s for programs and texts, which become a third and a sixth; and 360 MB/s for
 * what cannot be compressed any more, so that nobody has to guess which files are.
 */
const AUTO = 3
const MOST = 11

/** The wire stages of `--compress`. Throws `ERR_USAGE`. */
export function parseCompress(flag: CompressFlag): WireStage[] {
  if (flag === undefined || flag === 'off') return []
  const isLevel = typeof flag === 'string' && /^\d{1,2}$/.test(flag) && Number(flag) <= MOST
  if (isLevel) return [compression({ algorithm: 'brotli', level: Number(flag) })]
  if (flag === true || flag === 'auto') return [compression({ algorithm: 'brotli', level: AUTO })]
  const found = printable(flag, 100)
  const message = `--compress must be auto, off, or a level from 0 to ${MOST}, not "${found}"; write --compress=auto where a path follows`
  throw new SluiceError('ERR_USAGE', message)
}

/** For the command of the other side, which needs it, too. */
export function compressHint(flag: CompressFlag): string {
  return parseCompress(flag).length > 0 ? '--compress=auto ' : ''
}

/** Throws the error of a transfer; where the sides do not agree on what stands on the wire, with what to do. */
export function withAdvice(error: unknown): never {
  if (!isSluiceError(error, 'ERR_FORMATS')) throw error
  const { expected, found } = error
  const message = `${error.message}; give --compress on both sides, or on neither`
  throw new SluiceError('ERR_FORMATS', message, { expected, found, cause: error })
}
