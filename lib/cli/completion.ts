import type { Argument, Command, Option } from 'commander'
import { bashScript } from './completion/bash.js'
import { fishScript } from './completion/fish.js'
import type { Row, Table, Value } from './completion/table.js'
import { zshScript } from './completion/zsh.js'
import { allCommands, typedName } from './help.js'

/** A shell that Sluice has completions for. */
export type Shell = 'bash' | 'zsh' | 'fish'

/** What makes a shell complete the command line: made of the commands and options that commander knows. */
export function completionScript(sluice: Command, shell: Shell): string {
  const table = tableOf(sluice)
  if (shell === 'bash') return bashScript(table)
  return shell === 'zsh' ? zshScript(table) : fishScript(table)
}

function tableOf(sluice: Command): Table {
  return allCommands(sluice).map((command): Row => {
    // what stands in the help, with --help, and the command help
    const help = command.createHelp()
    const first = command.registeredArguments[0]
    return {
      name: typedName(command),
      options: help.visibleOptions(command).map((option) => ({
        flags: [option.short, option.long].filter((flag) => flag !== undefined),
        about: option.description,
        value: option.required ? valueFor(option, placeholderOf(option)) : undefined,
      })),
      commands: help.visibleCommands(command).map((one) => ({ name: one.name(), about: one.description() })),
      argument: first && valueFor(first, first.name()),
    }
  })
}

/** The name of an option's value: `file` of `--log <file>`. */
function placeholderOf({ flags }: Option): string {
  return /<([^>]*)>/.exec(flags)?.[1] ?? ''
}

/** What a value is, by the words that it may be, or else by its name in the help. */
function valueFor({ argChoices }: Pick<Option | Argument, 'argChoices'>, placeholder: string): Value {
  if (argChoices) return argChoices
  if (/^(path|dir|file|receipt)\b/.test(placeholder)) return 'file'
  return /^(whom|peer)$/.test(placeholder) ? 'peer' : 'free'
}
