import { SluiceError } from '../../errors.js'
import { MOST_DEPTH } from '../content/plain-value.js'

/** How two values become one. */
export interface MergeRules {
  /**
   * 'deep' (default): maps are merged at every depth. 'shallow': only the outermost maps; each key has the whole
   * value of the last input that has it.
   */
  strategy?: 'deep' | 'shallow'
  /**
   * How two arrays under one key are merged: 'replace' (default): the later one wins; 'concat': the later one is
   * appended; 'union': only those elements of the later one are appended that the earlier one lacks.
   */
  arrays?: 'replace' | 'concat' | 'union'
}

/** A map as JSON and YAML know it. */
export type Config = Record<string, unknown>

/** Keys that change the prototype of an object if some program copies them carelessly. */
const NEVER = new Set(['__proto__', 'constructor', 'prototype'])

/** Whether the value is a map, not an array. */
export function isConfig(value: unknown): value is Config {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Merges many maps into one: if they have the same key, the last one wins, even if it says null. The inputs are not
 * changed, and the result shares nothing with them. The keys `__proto__`, `constructor` and `prototype` are dropped
 * at every depth. Throws `ERR_LIMIT` for more than 1000 levels.
 * @param dropped called with the JSON pointer of each key that was dropped
 */
export function mergeValues(
  maps: readonly Config[],
  rules: MergeRules = {},
  dropped: (pointer: string) => void = () => {},
): Config {
  const { strategy = 'deep', arrays = 'replace' } = rules
  return maps.reduce<Config>(
    (merged, map) => mergeTwo(merged, cleaned(map, '', dropped) as Config, { strategy, arrays }),
    {},
  )
}

function mergeTwo(one: Config, two: Config, rules: Required<MergeRules>): Config {
  const merged: Config = { ...one }
  for (const [key, later] of Object.entries(two)) {
    const earlier = Object.hasOwn(one, key) ? one[key] : undefined
    if (Array.isArray(earlier) && Array.isArray(later))
      merged[key] = joinedLists(earlier, later, rules.arrays)
    else if (isConfig(earlier) && isConfig(later) && rules.strategy === 'deep') {
      merged[key] = mergeTwo(earlier, later, rules)
    } else merged[key] = later
  }
  return merged
}

function joinedLists(one: unknown[], two: unknown[], arrays: Required<MergeRules>['arrays']): unknown[] {
  if (arrays === 'replace') return two
  if (arrays === 'concat') return [...one, ...two]
  const there = new Set(one.map(identity))
  return [...one, ...two.filter((item) => !there.has(identity(item)) && there.add(identity(item)))]
}

/** A text that is the same for equal values, whatever the order of their keys. */
function identity(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(identity).join()}]`
  if (isConfig(value)) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${identity(item)}`).join()}}`
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

/** A copy without the keys that are never merged. */
function cleaned(value: unknown, at: string, dropped: (pointer: string) => void, depth = 1): unknown {
  if (depth > MOST_DEPTH) {
    throw new SluiceError('ERR_LIMIT', `more than ${MOST_DEPTH} levels cannot be merged`, {
      expected: MOST_DEPTH,
    })
  }
  if (Array.isArray(value)) return value.map((item, i) => cleaned(item, `${at}/${i}`, dropped, depth + 1))
  if (!isConfig(value)) return value
  const copy: Config = {}
  for (const [key, item] of Object.entries(value)) {
    const pointer = `${at}/${key.replace(/~/g, '~0').replace(/\//g, '~1')}`
    if (NEVER.has(key)) dropped(pointer)
    else copy[key] = cleaned(item, pointer, dropped, depth + 1)
  }
  return copy
}
