import type { Command } from 'commander'
import type { Log } from './log.js'

/** The options of every command. */
export const GLOBAL_OPTIONS = [
  ['--json', 'events on standard output, one a line, instead of text'],
  ['--quiet', 'nothing but errors, beside the results'],
  ['--verbose', 'what happens inside, too'],
  ['--log <file>', 'keep warnings, errors, and what became of files that were not simply published'],
] as const

/** {@link GLOBAL_OPTIONS}, as they were given. */
export interface GlobalFlags {
  json?: boolean
  quiet?: boolean
  verbose?: boolean
  log?: string
}

/** The options of every command that a command line has. */
export function globalFlags(command: Command): GlobalFlags {
  const { json, quiet, verbose, log } = command.optsWithGlobals()
  return { json, quiet, verbose, log }
}

/** How much is told, and where. */
export interface Manner extends Omit<GlobalFlags, 'log'> {
  log?: Log | undefined
  /** Standard output is bytes, not results: events go to standard error. */
  streams?: boolean
}
