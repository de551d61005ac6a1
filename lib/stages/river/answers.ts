import { isError, messageOf } from '../../errors.js'
import { badOption, checkKeys, type Keys } from '../../options.js'
import type { Basis, Claim } from '../../stores/claim.js'
import type { Part, PartRun, StandingFiles } from '../../stores/parts.js'
import type { Placement } from '../../stores/policy.js'
import { IndexSet } from '../../transfer/plan/index-set.js'
import type { Entry } from '../../wire/entry.js'
import { SKIP_REASONS } from '../../wire/outcome.js'

// What methods of a store give is checked as it comes: it may be written by a user, in JavaScript, and would be noticed
// only later, where nobody knows whose fault it is. No option of whoever transfers is wrong: it is a `TypeError`, which
// fails what the call was for, as whatever a store throws.

function requireRight(method: string, given: unknown, isRight: boolean, expected: string): void {
  if (!isRight) throw new TypeError(badOption(`what ${method}() of the store gives`, expected, given).message)
}

const PLACEMENT = `nothing, or an object with name (a text), skipped (one of ${SKIP_REASONS.map((reason) => `'${reason}'`).join(', ')}) or warning (an Error)`
const KEYS: Keys<Placement> = { name: true, skipped: true, warning: true }

/** How an entry was placed. */
export function placementOf(method: string, given: unknown): Placement {
  if (given == null) return {}
  const { name, skipped, warning } = given as Placement
  const isRight =
    isObject(given) &&
    !has(given, 'then') &&
    (name === undefined || typeof name === 'string') &&
    (skipped === undefined || SKIP_REASONS.includes(skipped)) &&
    (warning === undefined || isError(warning))
  requireRight(method, given, isRight, PLACEMENT)
  try {
    checkKeys(`what ${method}() of the store gives`, given as Placement, KEYS)
  } catch (error) {
    throw new TypeError(messageOf(error))
  }
  return given as Placement
}

/** A part of a file, or why there is none. */
export function checkedPart(given: unknown): Part | Error {
  if (isError(given)) return given
  try {
    requirePart('begin', given)
    return given as Part
  } catch (error) {
    return error as TypeError
  }
}

function requirePart(method: string, given: unknown): void {
  requireRight(
    method,
    given,
    has(given, 'write', 'publish', 'discard'),
    'a part, with write(), publish() and discard()',
  )
}

/** Parts of several files. */
export function partsOf(given: unknown): ReadonlyMap<number, unknown> {
  requireRight('beginAll', given, isMap(given), 'a Map of parts, or errors, by the index of the entry')
  return given as ReadonlyMap<number, unknown>
}

/** Small files that were stored together. */
export function partRunOf(given: unknown): PartRun {
  const isRight = has(given, 'publish', 'part') && isMap((given as Partial<PartRun>).failures)
  requireRight('writeRun', given, isRight, 'an object with publish(), part() and failures, a Map of errors')
  return given as PartRun
}

/** Indices of some of the entries that a method was asked about. */
export function indicesOf(
  method: string,
  given: unknown,
  isAsked: (index: number) => boolean,
): readonly number[] {
  const isRight =
    Array.isArray(given) && given.every((index) => Number.isSafeInteger(index) && isAsked(index))
  requireRight(method, given, isRight, 'a list of indices of entries that it was asked about')
  return given as readonly number[]
}

/** Whether an index is that of one of these entries, which ascend. */
export function isAmong(entries: readonly Entry[]): (index: number) => boolean {
  const asked = new IndexSet()
  const first = entries.at(0)?.index ?? 0
  const end = (entries.at(-1)?.index ?? -1) + 1
  // no more room than they take: it is asked about few of very many at a time
  asked.grow(end - first)
  for (const { index } of entries) asked.add(index - first)
  return (index) => index >= first && index < end && asked.has(index - first)
}

/** What earlier transfers left of these files. */
export function claimsOf(given: unknown, files: readonly Entry[]): ReadonlyMap<number, Claim> {
  requireRight('claims', given, isMap(given), 'a Map of claims by the index of the entry')
  const claims = given as ReadonlyMap<number, Claim>
  if (claims.size === 0) return claims
  const asked = new Map(files.map((entry) => [entry.index, entry]))
  for (const [index, claim] of claims) {
    const size = asked.get(index)?.size ?? -1
    requireRight('claims', index, size >= 0, 'claims of files that it was asked about')
    requirePart('claims', claim?.part)
    const expected = `for entry ${index} the ranges that are there, { start, end } in whole bytes, ascending and within its ${size} bytes`
    requireRight('claims', claim.ranges, areRanges(claim.ranges, size), expected)
  }
  return claims
}

function areRanges(ranges: unknown, size: number): boolean {
  if (!Array.isArray(ranges)) return false
  let least = 0
  // those that touch are one: what is claimed is proved anyway
  return ranges.every(({ start, end } = {}) => {
    const isRight =
      Number.isSafeInteger(start) &&
      Number.isSafeInteger(end) &&
      start >= least &&
      end >= start &&
      end <= size
    least = end
    return isRight
  })
}

/** What stands in the place of these files. */
export function standingOf(given: unknown, files: readonly Entry[]): StandingFiles | undefined {
  if (given === undefined) return undefined
  const { indices, names, source } = (given ?? {}) as Partial<StandingFiles>
  const isRight =
    isObject(given) &&
    Array.isArray(indices) &&
    (names === undefined || isMap(names)) &&
    (indices.length === 0 || isObject(source))
  requireRight('lookup', given, isRight, 'an object with indices, a list, and source, which opens the files')
  indicesOf('lookup', indices, isAmong(files))
  return given as StandingFiles
}

/** An older version of a file. */
export function basisOf(given: unknown): Basis | undefined {
  if (given === undefined) return undefined
  const isRight = has(given, 'open') && Number.isSafeInteger((given as Basis).size)
  requireRight('basis', given, isRight, 'nothing, or an object with size, in bytes, and open()')
  return given as Basis
}

/** Says what became of what was published under a name. What it throws is a warning: the name is given by now. */
export function placingOf(given: unknown): (name: string) => Placement | undefined {
  const expected = 'a function that says what became of each name'
  requireRight('publishAll', given, typeof given === 'function', expected)
  return (name) => {
    try {
      const placement = (given as (name: string) => unknown)(name)
      return placement == null ? undefined : placementOf('publishAll', placement)
    } catch (error) {
      return { warning: isError(error) ? error : new TypeError(messageOf(error)) }
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** A Map, also of another realm. */
function isMap(value: unknown): boolean {
  return has(value, 'get', 'has', Symbol.iterator)
}

function has(value: unknown, ...methods: PropertyKey[]): boolean {
  return (
    isObject(value) &&
    methods.every((name) => typeof (value as Record<PropertyKey, unknown>)[name] === 'function')
  )
}
