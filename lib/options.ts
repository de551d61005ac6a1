import { counted, type ErrorDetails, printable, SluiceError } from './errors.js'

// Every option and argument of the library is checked here, so that all messages have one grammar:
// "OPTION must be WHAT IT MUST BE, not WHAT WAS FOUND"; a name that is none has one of its own.

/** The error for an option or argument that is not what it must be: `ERR_USAGE`. */
export function badOption(
  option: string,
  expected: string,
  found: unknown,
  details?: ErrorDetails,
): SluiceError {
  const message = `${option} must be ${expected}, not ${shownValue(found)}`
  return new SluiceError('ERR_USAGE', message, { found, ...details })
}

/** Throws {@link badOption} unless `isRight`: for checks that only one function needs. */
export function checkOption(option: string, value: unknown, isRight: boolean, expected: string): void {
  if (!isRight) throw badOption(option, expected, value)
}

/** One of `choices`, or undefined for the default; else `ERR_USAGE`. */
export function checkChoice(option: string, value: unknown, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value as string)) return
  const list = choices.map((choice) => `'${choice}'`).join(', ')
  throw badOption(option, `one of ${list}`, value, { expected: choices })
}

/** true, false, or undefined for the default; else `ERR_USAGE`. */
export function checkFlag(option: string, value: unknown): void {
  checkOption(option, value, value === undefined || typeof value === 'boolean', 'true or false')
}

/** A whole number in the range, or undefined for the default; else `ERR_USAGE`. */
export function checkWhole(
  option: string,
  value: unknown,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): void {
  if (value === undefined) return
  const isInRange = Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`
  checkOption(option, value, isInRange, `a whole number ${range}`)
}

/**
 * A whole number of a range, or a function that gives the one that counts at the moment; as such a function. Else
 * `ERR_USAGE`, for what the function gives as well.
 */
export function wholeNow(
  option: string,
  value: number | (() => number),
  least: number,
  most: number,
): () => number {
  const now = () => {
    const whole = typeof value === 'function' ? value() : value
    checkWhole(option, whole, least, most)
    return whole
  }
  now()
  return now
}

/** A number from `least`, perhaps infinite, or undefined for the default; else `ERR_USAGE`. */
export function checkNumber(option: string, value: unknown, least: number, unit?: string): void {
  const isRight = value === undefined || (typeof value === 'number' && value >= least)
  checkOption(option, value, isRight, `a number${unit ? ` of ${unit}` : ''} from ${least}`)
}

/** {@link checkNumber} of milliseconds. */
export function checkDuration(option: string, value: unknown, least = 0): void {
  checkNumber(option, value, least, 'milliseconds')
}

/** Permission bits, or undefined for the default; else `ERR_USAGE`, which says it in octal, as modes are written. */
export function checkMode(option: string, value: unknown): void {
  const isWhole = Number.isSafeInteger(value) && (value as number) >= 0
  if (value === undefined || (isWhole && (value as number) <= 0o777)) return
  const expected = 'permission bits from 0o000 to 0o777'
  if (!isWhole) throw badOption(option, expected, value)
  const message = `${option} must be ${expected}, not ${value} (0o${(value as number).toString(8)})`
  throw new SluiceError('ERR_USAGE', message, { found: value })
}

/** A text; else `ERR_USAGE`. */
export function checkText(option: string, value: unknown): asserts value is string {
  checkOption(option, value, typeof value === 'string', 'a text')
}

/** A text that can be the path of a file on this machine; else `ERR_USAGE`. */
export function checkLocalPath(option: string, value: unknown): asserts value is string {
  const isText = typeof value === 'string'
  if (isText && !value.isWellFormed()) {
    // the system would take the file that has U+FFFD in its place
    throw badOption(option, 'a path whose name is whole, without half of a surrogate pair', value)
  }
  const isPath = isText && value !== '' && !value.includes('\0')
  checkOption(option, value, isPath, 'a path, as a text without NUL')
}

/** An object; else `ERR_USAGE`. An encoding in the place of the options, as `node:fs` takes it, would be ignored. */
export function checkObject(option: string, value: unknown): void {
  checkOption(option, value, typeof value === 'object' && value !== null, 'an object')
}

/** The names of all options of a type: the compiler sees to it that none is forgotten. */
export type Keys<T> = Readonly<Record<keyof T, true>>

/**
 * An object, or undefined for none, with no other keys than these; else `ERR_USAGE`, with the name that was meant. An
 * option that is misspelt would be ignored.
 */
export function checkKeys<T>(
  option: string,
  value: T,
  known: NoInfer<Readonly<Record<keyof NonNullable<T>, unknown>>>,
): void {
  if (value === undefined) return
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  checkOption(option, value, isObject, 'an object')
  // a pipeline calls a function that it is given, with the stream that stands before it
  if (typeof (value as { emit?: unknown }).emit === 'function') {
    const message = `${option} must be an object, not a stream; in a pipeline a stage stands with its call, as framer()`
    throw new SluiceError('ERR_USAGE', message, { found: value })
  }
  const names = Object.keys(known)
  for (const key of Object.keys(value as object)) {
    if (Object.hasOwn(known, key)) continue
    throw unknownName(option, key, names, closestName(key, names, Math.max(2, Math.floor(key.length / 3))))
  }
}

/**
 * {@link checkKeys} for what may be an instance of a class, too, which has fields and methods of its own. Of these only
 * a name is refused that is almost the name of a member which it lacks: that member was meant, and would be missing.
 */
export function checkMembers<T extends object>(
  option: string,
  value: T,
  known: NoInfer<Readonly<Record<keyof T, unknown>>>,
): void {
  if (!isOfClass(value)) return checkKeys(option, value, known)
  const names = Object.keys(known)
  const lacking = names.filter((name) => value[name as keyof T] === undefined)
  for (const key of membersOf(value)) {
    if (Object.hasOwn(known, key)) continue
    // stricter than with options: a class may well have a paused beside paired, or a date beside rate
    const meant = closestName(key, lacking, Math.floor(key.length / 5))
    if (meant) throw unknownName(option, key, names, meant)
  }
}

/** Whether a class has made it: it is neither an object literal, of whatever realm, nor one without a prototype. */
function isOfClass(value: object): boolean {
  const made: object | null = Object.getPrototypeOf(value)
  return made !== null && Object.getPrototypeOf(made) !== null
}

/** The names of an object's own fields, and of all that its classes have: methods and getters are not enumerable. */
function membersOf(value: object): string[] {
  const names = Object.keys(value)
  let made: object = Object.getPrototypeOf(value)
  for (; Object.getPrototypeOf(made) !== null; made = Object.getPrototypeOf(made))
    names.push(...Object.getOwnPropertyNames(made))
  return names
}

/** The name that was most likely meant, of at most so many changes. */
function closestName(given: string, names: readonly string[], most: number): string | undefined {
  const distances = names.map((name) => ({ name, distance: editDistance(given, name) }))
  const near = distances.filter(({ distance }) => distance <= most).sort((a, b) => a.distance - b.distance)
  return near[0]?.name
}

/**
 * How many letters to change, insert, remove or swap with the next make `b` of `a`: the optimal string alignment
 * distance (Damerau, CACM 7:3, 1964; Wagner and Fischer, JACM 21:1, 1974).
 */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? before[j - 2]! + 1 : changed
      row.push(Math.min(changed, swapped, last[j]! + 1, row[j - 1]! + 1))
    }
    before = last
    last = row
  }
  return last[b.length]!
}

function unknownName(option: string, key: string, names: readonly string[], meant?: string): SluiceError {
  const hint = meant ? `did you mean ${meant}?` : `it may be one of ${names.join(', ')}`
  const message = `unknown name ${shownValue(key)} in ${option}; ${hint}`
  return new SluiceError('ERR_USAGE', message, { expected: names, found: key })
}

/** Those of the options that a function takes which has fewer of them. */
export function pickKnown<T extends object, K extends keyof T>(
  options: T,
  known: Readonly<Record<K, true>>,
): Pick<T, K> {
  const picked = Object.entries(options).filter(([key]) => Object.hasOwn(known, key))
  return Object.fromEntries(picked) as Pick<T, K>
}

/** The options that are given: without those that are undefined. */
export function given<T extends object>(options: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}

/** Whether it is a `Uint8Array`, such as a Buffer: also one of another realm, as tests under Jest give them. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && (value as Uint8Array)[Symbol.toStringTag] === 'Uint8Array'
}

/** A function, and no class, which is not made by a call; else `ERR_USAGE`. */
export function checkFunction(option: string, value: unknown, expected = 'a function'): void {
  checkOption(option, value, typeof value === 'function' && !isClass(value), expected)
}

/** A function, or undefined for none; else `ERR_USAGE`. */
export function checkCallback(option: string, value: unknown): void {
  if (value !== undefined) checkFunction(option, value)
}

/** An AbortSignal, of this realm or another, or undefined for none; else `ERR_USAGE`. */
export function checkAbortSignal(option: string, value: unknown): void {
  if (value === undefined) return
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>
  const isSignal = typeof aborted === 'boolean' && typeof addEventListener === 'function'
  checkOption(option, value, isSignal, 'an AbortSignal')
}

/** Whether it is a class: unlike a function, it cannot be called without `new`. */
function isClass(value: unknown): boolean {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value))
}

/** What was found, short and safe to print: a text never looks like a number, nor one thing like another. */
export function shownValue(value: unknown): string {
  if (typeof value === 'string') return `"${printable(value, 100)}"`
  if (typeof value === 'bigint') return `${printable(String(value), 100)}n`
  if (typeof value === 'function') return isClass(value) ? named('the class', value) : 'a function'
  if (typeof value === 'object' && value !== null) return shownObject(value)
  return Object.is(value, -0) ? '-0' : printable(String(value), 100)
}

function shownObject(value: object): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof (value as Partial<Promise<unknown>>).then === 'function')
    return 'a promise, which was not awaited'
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} of ${counted(value.byteLength, 'byte')}`
  const made: unknown = value.constructor
  if (typeof made !== 'function' || made.name === 'Object') return 'an object'
  // as by another realm, where the class is another one
  const { href } = value as Partial<URL>
  if (made.name === 'URL' && typeof href === 'string') return `the URL ${printable(href, 100)}`
  return named('an object of the class', made)
}

function named(what: string, { name }: { name: unknown }): string {
  return typeof name === 'string' && name !== ''
    ? `${what} ${printable(name, 100)}`
    : `${what} without a name`
}
