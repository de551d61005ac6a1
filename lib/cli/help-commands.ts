import { Argument, type Command } from 'commander'
import type { Context } from './ui/context.js'

// Loaded only when used: who moves files needs neither.
const completions = () => import('./completion.js')
const manuals = () => import('./man-page.js')

/**
 * Adds the commands that print what is made of all the others: completion and manual.
 * @param run runs a command with what it needs; `streams`: its standard output is bytes, not results
 */
export function addHelpCommands(
  sluice: Command,
  run: (command: Command, action: (context: Context) => Promise<void>, streams: boolean) => Promise<void>,
): void {
  sluice
    .command('completion')
    .description('print what makes a shell complete commands, options, files and names of peers')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .action((shell, _flags, command) =>
      run(
        command,
        async ({ io }) => void io.stdout.write((await completions()).completionScript(sluice, shell)),
        true,
      ),
    )

  sluice
    .command('manual')
    .description('print the manual page, as the source that man reads')
    .action((_flags, command) =>
      run(command, async ({ io }) => void io.stdout.write((await manuals()).manPage(sluice)), true),
    )
}
