import { SluiceError } from '../../errors.js'

/** One of `choices`, or undefined for the default; else `ERR_USAGE`. */
export function checkChoice(option: string, value: unknown, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value as string)) return
  const list = choices.map((choice) => `'${choice}'`).join(', ')
  throw new SluiceError('ERR_USAGE', `${option} must be one of ${list}, not ${shown(value)}`, {
    expected: choices,
    found: value,
  })
}

/** true, false, or undefined for the default; else `ERR_USAGE`. */
export function checkFlag(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return
  throw new SluiceError('ERR_USAGE', `${option} must be true or false, not ${shown(value)}`, { found: value })
}

/** A whole number in the range, or undefined for the default; else `ERR_USAGE`. */
export function checkWhole(
  option: string,
  value: unknown,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): void {
  if (value === undefined) return
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`
  throw new SluiceError('ERR_USAGE', `${option} must be a whole number ${range}, not ${shown(value)}`, {
    found: value,
  })
}

/** Permission bits, or undefined for the default; else `ERR_USAGE`, which says it in octal, as modes are written. */
export function checkMode(option: string, value: unknown): void {
  if (value === undefined || (isWhole(value) && value <= 0o777)) return
  const octal = isWhole(value) ? ` (0o${value.toString(8)})` : ''
  const message = `${option} must be permission bits from 0o000 to 0o777, not ${shown(value)}${octal}`
  throw new SluiceError('ERR_USAGE', message, { found: value })
}

/** A number from `least`, perhaps without end, or undefined for the default; else `ERR_USAGE`. */
export function checkDuration(option: string, value: unknown, least = 0): void {
  if (value === undefined || (typeof value === 'number' && value >= least)) return
  throw new SluiceError('ERR_USAGE', `${option} must be a number of milliseconds, not ${shown(value)}`, {
    found: value,
  })
}

/** A text that can be a path to a file, else `ERR_USAGE`. */
export function checkPath(option: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && !value.isWellFormed()) {
    const message = `${option} must be a path without half of a surrogate pair, not ${shown(value)}: the system would take the file with U+FFFD in its place; give the name whole`
    throw new SluiceError('ERR_USAGE', message, { found: value })
  }
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return
  const message = `${option} must be a path, as a text without NUL, not ${shown(value)}`
  throw new SluiceError('ERR_USAGE', message, { found: value })
}

/** An object; else `ERR_USAGE`. An encoding in the place of the options, as `node:fs` takes it, would be passed over. */
export function checkObject(option: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) return
  throw new SluiceError('ERR_USAGE', `${option} must be an object, not ${shown(value)}`, { found: value })
}

/** A function, or undefined for none; else `ERR_USAGE`. */
export function checkCallback(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw new SluiceError('ERR_USAGE', `${option} must be a function, not ${shown(value)}`, { found: value })
}

/** What can be aborted, of this library or another, or undefined for none; else `ERR_USAGE`. */
export function checkAbortSignal(option: string, value: unknown): void {
  if (value === undefined) return
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return
  throw new SluiceError('ERR_USAGE', `${option} must be an AbortSignal, not ${shown(value)}`, {
    found: value,
  })
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : String(value)
}
