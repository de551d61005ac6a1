import type { Audit } from './audit-record.js'

let standard: Audit | undefined

/**
 * Sets the trail of this process, which operations use that were given none; `undefined` takes it away. Gives the one
 * that was set before.
 */
export function setDefaultAudit(audit: Audit | undefined): Audit | undefined {
  const before = standard
  standard = audit
  return before
}

/** The trail of this process, if one was set. */
export function getDefaultAudit(): Audit | undefined {
  return standard
}
