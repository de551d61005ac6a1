import type { Command } from 'commander'
import { hanging, wrapped } from '../terminal/text.js'
import { EXITS } from './ui/exit.js'

/** Columns that a description needs beside what it describes; where there are less it stands below. */
const LEAST = 30

/** For each command, what to type first. */
const EXAMPLES: Record<string, string> = {
  sluice: 'sluice receive --dir inbox\nsluice send photos --to sluice1...',
  'sluice send': 'sluice send photos --to sluice1...',
  'sluice receive': 'sluice receive --dir inbox',
  'sluice pack': 'sluice pack photos | ssh host sluice unpack --dir inbox',
  'sluice unpack': 'sluice unpack --dir inbox < photos.sluice',
  'sluice write': 'make-report | sluice write report.csv --backup 3',
  'sluice status': 'sluice status inbox',
  'sluice clean': 'sluice clean inbox --yes',
  'sluice recover': 'sluice recover project --yes',
  'sluice identity': 'sluice identity',
  'sluice peers': 'sluice peers list',
  'sluice peers add': 'sluice peers add anna sluicekey1... 192.0.2.1:7000',
  'sluice peers set': 'sluice peers set anna --dir anna --max-bytes 10G',
  'sluice peers list': 'sluice peers list',
  'sluice peers remove': 'sluice peers remove anna',
  'sluice verify': 'sluice verify receipt.json inbox',
  'sluice completion': 'sluice completion bash > ~/.local/share/bash-completion/completions/sluice',
  'sluice manual': 'sluice manual | man -l -',
}

/** A command with all that stand below it. */
export function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)]
}

/** A command as it is typed, from `sluice` on. */
export function typedName(command: Command): string {
  return command.parent ? `${typedName(command.parent)} ${command.name()}` : command.name()
}

/** What to type first, a line each. */
export function exampleOf(command: Command): string {
  return EXAMPLES[typedName(command)]!
}

/** Gives each command an example at the beginning of its help, and at its end the exit status, or where that is. */
export function addHelp(sluice: Command, columns: number): void {
  for (const command of allCommands(sluice)) {
    const example = exampleOf(command).replaceAll(/^/gm, '  ')
    command
      .configureHelp({ helpWidth: columns, minWidthToWrap: 20, formatItem: itemFor(columns) })
      .addHelpText('before', `Example:\n${example}\n`)
      .addHelpText('after', `\n${endOf(command, columns)}`)
  }
}

/** What stands below the options. */
function endOf(command: Command, columns: number): string {
  if (command.parent === null) return exitTable(columns)
  const more = HAS_DEFAULTS.includes(typedName(command)) ? `${wrapped(DEFAULTS, columns)}\n` : ''
  return more + wrapped(ELSEWHERE, columns)
}

/** Those whose options may have their values in a configuration file. */
const HAS_DEFAULTS = ['sluice send', 'sluice receive']
const DEFAULTS =
  'config.json or config.yaml in the configuration folder (SLUICE_HOME) may hold dir, conflict, unless, durability, names, limit, retry and hash: what is not given here'
const ELSEWHERE = 'Exit status: 0 if all went well; sluice --help has the others'

function exitTable(columns: number): string {
  const lines = EXITS.map(([exit, about]) => hanging(`  ${`${exit}`.padStart(3)}  `, about, columns))
  return ['Exit status:', ...lines].join('\n')
}

/** A term with what it means beside it, or on a narrow terminal below. */
function itemFor(columns: number) {
  return (term: string, termWidth: number, description: string): string => {
    const isBelow = columns - termWidth - 4 < LEAST
    return hanging(isBelow ? `  ${term}\n      ` : `  ${term.padEnd(termWidth + 2)}`, description, columns)
  }
}
