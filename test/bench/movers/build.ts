import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What is measured: the built library and command of a checkout, and the Node that runs them. */
export interface Build {
  /** Said behind the name of a contender, where there are two. */
  name: '' | 'before'
  node: string
  checkout: string
  /** The folder of what its package.json exports. */
  library: string
  /** What its package.json installs as `sluice`. */
  command: string
}

export const CHECKOUT = fileURLToPath(new URL('../../../..', import.meta.url))

/** A built checkout, run by `node`: this one if none is given. */
export function buildOf(node: string, checkout = CHECKOUT, name: Build['name'] = ''): Build {
  const { bin, exports } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'))
  const library = join(checkout, dirname(exports['.'].default))
  return { name, node, checkout, library, command: join(checkout, bin.sluice) }
}

/** The name of a contender that is of a build. */
export const nameOf = (name: string, build: Build) => (build.name === '' ? name : `${name}, ${build.name}`)
