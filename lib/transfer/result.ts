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
  const count = (status: FileOutcome['status']) => files.filter((file) => file.status === status).length
  return {
    id,
    files,
    published: count('published'),
    skipped: count('skipped'),
    failed: count('failed'),
    bytes,
  }
}
