import { checkObject } from '../../options.js'
import { type Audit, checkAudit } from './audit-record.js'
import { Recorder } from './recorder.js'

/** What each operation takes. */
export interface Audited {
  /** Gets one record when the operation has ended. Default: the default trail of the process, if any. */
  audit?: Audit
}

/** For an operation that is a part of another one, which leaves the record. */
export const UNRECORDED: Audit = { record() {} }

/** Does one operation and takes it down in the trail of its options, else in the default one. */
export async function audited<T>(
  operation: string,
  path: unknown,
  options: Audited,
  act: () => Promise<T>,
): Promise<T> {
  return recorderOf(options).run(operation, path, act)
}

/** `ERR_USAGE` where the options are none, or `audit`. */
export function recorderOf(options: Audited): Recorder {
  checkObject('options', options)
  const { audit } = options
  checkAudit(audit)
  return new Recorder({ audit })
}
