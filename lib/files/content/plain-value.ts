import { isBoxedPrimitive, isDate } from 'node:util/types'
import { asSluiceError, SluiceError } from '../../errors.js'
import type { Format } from './formats.js'

/** The deepest nesting: nobody reads more, and other programs refuse it. */
export const MOST_DEPTH = 1000

/**
 * A copy of `value` that has only what the format can hold: null, true and false, finite numbers (YAML: any), text,
 * arrays and plain objects. `toJSON` is called if there is one (as for a Date, and
 * for a bigint where somebody gave them all one). As JSON does, it leaves out keys with the value undefined and those
 * that are not enumerable, and takes -0 for 0. `ERR_USAGE` for everything else: undefined elsewhere, bigint, functions,
 * symbols, instances of classes, keys that are symbols, cycles; and where a `toJSON` or a getter throws, with that as
 * the cause. No value is ever replaced by another one.
 * @param name what it is, for the message
 */
export function plainValue(value: unknown, format: Format, name = 'the value'): unknown {
  try {
    return copy(value, '', { format, name, above: new Set() })
  } catch (thrown) {
    // a toJSON, or a getter
    throw asSluiceError(thrown, 'ERR_USAGE', `${name} cannot be read`)
  }
}

interface ValueWalk {
  format: Format
  name: string
  /** The objects that contain the present one. */
  above: Set<object>
}

function copy(given: unknown, at: string, walk: ValueWalk): unknown {
  if (isDate(given) && Number.isNaN(given.getTime())) throw refusedValue(at, 'a date that is none', walk)
  const value = hasOwnForm(given) ? given.toJSON(at.slice(at.lastIndexOf('/') + 1)) : given
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (walk.format === 'json' && !Number.isFinite(value)) throw refusedValue(at, `${value}`, walk)
      return value
    case 'object':
      return value === null ? null : inside(value, at, walk)
    default:
      throw refusedValue(at, typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`, walk)
  }
}

function inside(value: object, at: string, walk: ValueWalk): unknown {
  const { above } = walk
  if (above.has(value)) throw refusedValue(at, 'what leads back to itself', walk)
  if (above.size === MOST_DEPTH) throw refusedValue(at, `more than ${MOST_DEPTH} levels`, walk)
  if (hasSymbols(value)) throw refusedValue(at, 'a symbol as a key', walk)
  above.add(value)
  const copied = Array.isArray(value) ? array(value, at, walk) : object(value, at, walk)
  above.delete(value)
  return copied
}

function array(value: readonly unknown[], at: string, walk: ValueWalk): unknown[] {
  // Array.from: a hole becomes undefined, and is refused as such
  const copied = Array.from(value, (item, i) => copy(item, `${at}/${i}`, walk))
  // what is left are keys beside the items
  if (Object.keys(value).length > value.length) throw refusedValue(at, 'an array with keys of its own', walk)
  return copied
}

function object(value: object, at: string, walk: ValueWalk): Record<string, unknown> {
  if (!isPlainObject(value))
    throw refusedValue(at, `an instance of ${value.constructor?.name || 'a class'}`, walk)
  const given = Object.entries(value).filter(([, item]) => item !== undefined)
  // `__proto__` becomes an ordinary key, and does not set the prototype
  return Object.fromEntries(given.map(([key, item]) => [key, copy(item, `${at}/${key}`, walk)]))
}

/** Whether it has a key that is a symbol, and is not hidden, as keys that are texts may be. */
function hasSymbols(value: object): boolean {
  const isSeen = (key: symbol) => Object.prototype.propertyIsEnumerable.call(value, key)
  return Object.getOwnPropertySymbols(value).some(isSeen)
}

/** Whether it was made by `{}`, JSON.parse or Object.create(null), in this realm or another. */
function isPlainObject(value: object): boolean {
  // its value is in none of its keys, whatever its prototype
  if (isBoxedPrimitive(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function hasOwnForm(value: unknown): value is { toJSON(key: string): unknown } {
  // JSON asks objects and bigints, and no others
  if (typeof value !== 'bigint' && (typeof value !== 'object' || value === null)) return false
  return typeof (value as { toJSON?: unknown }).toJSON === 'function'
}

function refusedValue(at: string, what: string, { format, name }: ValueWalk): SluiceError {
  const where = at === '' ? name : `${JSON.stringify(at.slice(0, 200))} of ${name}`
  const message = `${format.toUpperCase()} cannot hold ${what} (${where}); give null, text, a number, an array or a plain object`
  return new SluiceError('ERR_USAGE', message, { found: what })
}
