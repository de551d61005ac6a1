import type { SluiceError } from '../errors.js'
import type { FileOutcome, TransferResult } from './transfer.js'

/** What became of an entry, as the last stage reports it. */
export interface Reported {
  /** The path in the offer. */
  path: string
  status: FileOutcome['status']
  /** The path under which it was published, where it is another one. */
  name?: string
  error?: SluiceError
}

/** The outcome as both sides know it: of an error its code. */
export function fileOutcome({ path, status, name, error }: Reported): FileOutcome {
  return {
    path,
    status,
    ...(name !== undefined && name !== path && { name }),
    ...(error !== undefined && { code: error.code }),
  }
}

/** Adds the outcomes up. */
export function resultOf(id: string, files: FileOutcome[], bytes: number): TransferResult {
  const count = { published: 0, skipped: 0, failed: 0 }
  for (const { status } of files) count[status]++
  return { id, files, ...count, bytes }
}
