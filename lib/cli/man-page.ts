import { createRequire } from 'node:module'
import type { Command, Help } from 'commander'
import { allCommands, exampleOf, typedName } from './help.js'
import { EXITS } from './ui/exit.js'

const require = createRequire(import.meta.url)

/** The variables that the command reads. */
const ENVIRONMENT = [
  ['SLUICE_HOME', 'the folder of your key and of the peers that you know, in the place of the usual one'],
  ['SLUICE_TICKET', 'the other side, where --to of send or the argument of receive is not given'],
  [
    'SLUICE_NATIVE',
    'off: the optional package is not loaded by which many small files get their names faster, on Linux',
  ],
  ['NO_COLOR', 'if it has any value: no colours, on a terminal neither'],
  ['DEBUG', 'sluice:* tells what happens inside, for who repairs it; errors come with their origin'],
] as const

/**
 * The manual page, in the language of `man` (man(7)): made of the commands as commander knows them, as the help is, and
 * of the exit statuses.
 */
export function manPage(sluice: Command): string {
  const { version } = require('sluice/package.json') as { version: string }
  const help = sluice.createHelp()
  const [, ...commands] = allCommands(sluice)
  return `${[
    `.TH SLUICE 1 "" "sluice ${version}" "User Commands"`,
    '.SH NAME',
    `sluice \\- ${plain(sluice.description())}`,
    '.SH SYNOPSIS',
    ...leaves(commands).map((command) => `.B ${plain(usageOf(help, command))}\n.br`),
    '.SH DESCRIPTION',
    plain(sluice.description()),
    '.PP',
    'Examples:',
    ...exampleLines(sluice),
    '.SH OPTIONS',
    plain('These can be given to every command.'),
    ...optionLines(help, sluice),
    '.SH COMMANDS',
    ...leaves(commands).flatMap((command) => commandLines(help, command, sluice)),
    '.SH EXIT STATUS',
    ...EXITS.flatMap(([exit, about]) => item(`${exit}`, about)),
    '.SH ENVIRONMENT',
    ...ENVIRONMENT.flatMap(([name, about]) => item(name, about)),
  ].join('\n')}\n`
}

/** Those that do something: not those that only have others below them. */
function leaves(commands: readonly Command[]): Command[] {
  return commands.filter((command) => command.commands.length === 0)
}

/** A command with its arguments, as it is typed. */
function usageOf(help: Help, command: Command): string {
  return help.commandUsage(command)
}

function commandLines(help: Help, command: Command, sluice: Command): string[] {
  return [
    `.SS ${plain(typedName(command))}`,
    plain(`${command.description()}.`),
    ...help
      .visibleArguments(command)
      .flatMap((argument) => item(help.argumentTerm(argument), help.argumentDescription(argument))),
    ...optionLines(help, command, sluice),
    '.PP',
    'Example:',
    ...exampleLines(command),
  ]
}

/** The options of a command; but for those of every command, as they are. */
function optionLines(help: Help, command: Command, sluice?: Command): string[] {
  const common = sluice?.options ?? []
  return help
    .visibleOptions(command)
    .filter(({ flags, long, description }) => {
      if (sluice && long === '--help') return false
      return !common.some((one) => one.flags === flags && one.description === description)
    })
    .flatMap((option) => item(help.optionTerm(option), help.optionDescription(option)))
}

function exampleLines(command: Command): string[] {
  return ['.PP', '.nf', '.RS', ...exampleOf(command).split('\n').map(plain), '.RE', '.fi']
}

/** A term with what it means. */
function item(term: string, about: string): string[] {
  return ['.TP', `.B ${plain(term)}`, plain(about)]
}

/** A line of text, of which nothing is taken for a request. */
function plain(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('"', '\\(dq')
  return escaped.replace(/^[.']/, '\\&$&')
}
