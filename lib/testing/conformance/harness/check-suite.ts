import {
  checkCallback,
  checkFunction,
  checkKeys,
  checkNumber,
  checkObject,
  checkOption,
  type Keys,
} from '../../../options.js'
import { CONFORMANCE_OPTIONS, type ConformanceOptions } from './probe.js'

/** The names of the options that a suite has beside those that all have; and of all, which are functions. */
interface Names<O> {
  own?: Omit<Keys<O>, keyof ConformanceOptions>
  needed?: readonly (keyof O)[]
  optional?: readonly (keyof O)[]
}

/**
 * Throws `ERR_USAGE` unless a suite was called as it must be. At the call: in a case it would be told as if the stage
 * were wrong.
 * @param name of the first argument, `make`
 */
export function checkSuite<O extends ConformanceOptions>(
  name: string,
  make: unknown,
  options: O,
  { own, needed = [], optional = [] }: Names<O> = {},
): void {
  checkFunction(name, make)
  checkObject('options', options)
  checkKeys<object>('options', options, { ...CONFORMANCE_OPTIONS, ...own })
  for (const key of needed) checkFunction(String(key), options[key])
  for (const key of ['open', 'after', ...optional] as const) checkCallback(String(key), options[key])
  const { badOptions = [], patience } = options
  const areFunctions = Array.isArray(badOptions) && badOptions.every((one) => typeof one === 'function')
  checkOption('badOptions', badOptions, areFunctions, 'a list of functions')
  checkNumber('patience', patience, 0, 'milliseconds')
}
