import type { Command } from 'commander'
import { hanging, wrapped } from '../terminal/text.js'
import { EXITS } from './ui/exit.js'

/** Columns that a description needs beside what it describes; where there are less it stands below. */
const LEAST = 30

/** For each command, what to type first. */
const EXAMPLES: Record<string, string> = {
  sluice: 'sluice receive --dir inbox\nsluice send photos --to 127.0.0.1:7000',
  send: 'sluice send photos --to 127.0.0.1:7000',
  receive: 'sluice receive --dir inbox',
  pack: 'sluice pack photos | ssh host sluice unpack --dir inbox',
  unpack: 'sluice unpack --dir inbox < photos.sluice',
  write: 'make-report | sluice write report.csv --backup 3',
  status: 'sluice status inbox',
  clean: 'sluice clean inbox --yes',
  recover: 'sluice recover project --yes',
}

/** Gives each command an example at the beginning of its help, and at its end the exit status, or where that is. */
export function addHelp(sluice: Command, columns: number): void {
  for (const command of [sluice, ...sluice.commands]) {
    const example = EXAMPLES[command.name()]!.replaceAll(/^/gm, '  ')
    command
      .configureHelp({ helpWidth: columns, minWidthToWrap: 20, formatItem: itemFor(columns) })
      .addHelpText('before', `Example:\n${example}\n`)
      .addHelpText('after', `\n${command === sluice ? exitTable(columns) : wrapped(ELSEWHERE, columns)}`)
  }
}

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
