import { closestMatch } from 'leven'
import { badOption, checkOption } from './options.js'

/** The names of all options of a type, as {@link checkKeys} takes them: the compiler sees to it that none is forgotten. */
export type Keys<T> = Record<keyof T, true>

/**
 * An object, or undefined for none, with no other keys than these; else `ERR_USAGE`, with the name that was meant. An
 * option that is misspelt would be ignored.
 */
export function checkKeys(option: string, value: unknown, known: Readonly<Record<string, true>>): void {
  if (value === undefined) return
  checkOption(
    option,
    value,
    typeof value === 'object' && value !== null && !Array.isArray(value),
    'an object',
  )
  const keys = Object.keys(known)
  for (const key of Object.keys(value as object)) {
    if (Object.hasOwn(known, key)) continue
    const meant = closestMatch(key, keys, { maxDistance: Math.floor(key.length / 3) + 1 })
    const expected = meant === undefined ? `one of ${keys.join(', ')}` : `${meant}`
    throw badOption(`the name of an option in ${option}`, expected, key, { expected: keys })
  }
}
