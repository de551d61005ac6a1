import type { Command } from 'commander'
import { withoutTickets } from '../terminal/tickets.js'
import { allCommands, typedName } from './help.js'

/** What a person reads of a command line that is wrong, from what commander says of it. */
export function mistakeIn(text: string, command: Command, sluice: Command): string {
  const said = text
    .replace(/^error: /, '')
    .trim()
    .replaceAll('\n', ' ')
  const isMissing = said.startsWith('missing required argument')
  const more = isMissing ? `; ${typedName(command)} --help says more` : ''
  return withoutTickets(
    `sluice: ${ofOneDash(said, command) ?? ofAnotherCommand(said, sluice) ?? said}${more}`,
  )
}

/** What is said of an option with one dash where it has two; undefined for everything else. */
function ofOneDash(said: string, { options }: Command): string | undefined {
  const [, flag] = /^unknown option '-([^-'=][^'=]*)/.exec(said) ?? []
  const isOption = options.some(({ long }) => long === `--${flag}`)
  return isOption ? `unknown option '-${flag}' (Did you mean --${flag}?)` : undefined
}

/** What is said of an unknown option that other commands have; undefined for everything else. */
function ofAnotherCommand(said: string, sluice: Command): string | undefined {
  const [unknown, flag] = /^unknown option '(--[^']+)'/.exec(said) ?? []
  const names = allCommands(sluice)
    .filter(({ options }) => options.some(({ long }) => long === flag))
    .map((it) => typedName(it).slice('sluice '.length))
  if (flag === undefined || names.length === 0) return undefined
  return `${unknown}: it is one of sluice ${names.join(' and ')}`
}
