import type { Code, SluiceError } from '../../errors.js'

/** Errors that every other file would have, too. */
const FATAL: ReadonlySet<Code> = new Set(['ERR_DISK_FULL', 'ERR_READ_ONLY', 'ERR_UNSAFE_LINK', 'ERR_STATE'])

/** Whether an error that came up with one file ends the whole transfer. */
export function endsTransfer({ code }: SluiceError): boolean {
  return FATAL.has(code)
}
