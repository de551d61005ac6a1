import { checkObject } from '../../options.js'
import { type Audit, checkAudit } from './audit-record.js'
import { Recorder } from './recorder.js'

/** The option that each operation takes. */
export interface Audited {
  /** Gets one record when the operation has ended. Default: the trail set by `setDefaultAudit`, if any. */
  audit?: Audit
}

/** For an operation that is a part of another one: only that one leaves a record. */
export const UNRECORDED: Audit = { record() {} }

/** Runs an operation and records it in the trail of its options, else in the default one. */
export async function audited<T>(
  operation: string,
  path: unknown,
  options: Audited,
  act: () => Promise<T>,
): Promise<T> {
  return recorderOf(options).run(operation, path, act)
}

/** Checks the options and their `audit`: `ERR_USAGE`. */
export function recorderOf(options: Audited): Recorder {
  checkObject('options', options)
  const { audit } = options
  checkAudit(audit)
  return new Recorder({ audit })
}
