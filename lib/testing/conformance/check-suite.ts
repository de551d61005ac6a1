import { checkCallback, checkFunction, checkNumber, checkObject, checkOption } from '../../options.js'
import type { ConformanceOptions } from './probe.js'

/** The names of the options of a suite that are functions. */
interface Functions<O> {
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
  { needed = [], optional = [] }: Functions<O> = {},
): void {
  checkFunction(name, make)
  checkObject('options', options)
  for (const key of needed) checkFunction(String(key), options[key])
  for (const key of ['open', 'after', ...optional] as const) checkCallback(String(key), options[key])
  const { badOptions = [], patience } = options
  const areFunctions = Array.isArray(badOptions) && badOptions.every((one) => typeof one === 'function')
  checkOption('badOptions', badOptions, areFunctions, 'a list of functions')
  checkNumber('patience', patience, 0, 'milliseconds')
}
