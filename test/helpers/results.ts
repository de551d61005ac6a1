import { type ToldOutcome, type TransferResult, told } from '../../lib/wire/outcome.js'

/** A result as far as both sides know it. */
export function toldOf(result: TransferResult): Omit<TransferResult, 'files'> & { files: ToldOutcome[] } {
  return { ...result, files: result.files.map(told) }
}
