import { type Audit, checkAudit } from './audit-record.js'

let standard: Audit | undefined

/**
 * Sets the trail of this process, which operations use that were given none, bound or not; `undefined` takes it away.
 * Gives the one that was set before. `ERR_USAGE` for what is no trail.
 */
export function setDefaultAudit(audit: Audit | undefined): Audit | undefined {
  checkAudit(audit)
  const before = standard
  standard = audit
  return before
}

/** The trail of this process, if one was set. */
export function getDefaultAudit(): Audit | undefined {
  return standard
}
