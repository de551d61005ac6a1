/** What may stand on a command line: one of a few words, a file, a known peer, or what only the user knows. */
export type Value = readonly string[] | 'file' | 'peer' | 'free'

/** An option. */
export interface Option {
  /** As it is typed: `-V`, `--version`. */
  flags: readonly string[]
  about: string
  /** What has to follow it; undefined if nothing has. */
  value: Value | undefined
}

/** What can follow a command. */
export interface Row {
  /** As it is typed: `sluice peers add`. */
  name: string
  options: readonly Option[]
  /** The commands below it. */
  commands: readonly { name: string; about: string }[]
  /** What its arguments are; undefined if it takes none. */
  argument: Value | undefined
}

/** All commands. */
export type Table = readonly Row[]

/** Prints the names of the known peers, in any shell: what stands in front of the fingerprint. */
export const PEERS = "sluice peers list 2>/dev/null | sed 's/  .*//'"

/** Each option that has to be followed by a value, behind its command: `sluice send --to`. */
export function valueOptions(table: Table): string[] {
  return table.flatMap(({ name, options }) =>
    options.flatMap(({ flags, value }) =>
      value === undefined ? [] : flags.map((flag) => `${name} ${flag}`),
    ),
  )
}

/** Each command that stands below another one: `sluice peers add`. */
export function commandsBelow(table: Table): string[] {
  return table.slice(1).map(({ name }) => name)
}

/** A branch of `case` for each of a few words, as bash and zsh have it; none for no patterns. */
export function branch(patterns: readonly string[], action: string): string {
  return patterns.length === 0 ? '' : `    ${patterns.map(inQuotes).join(' | ')}) ${action} ;;\n`
}

/** Branches for what follows an option: `offering` offers a value. */
export function valueBranches(table: Table, offering: (value: Value) => string): string {
  const branches = table.flatMap(({ name, options }) =>
    options.map(({ flags, value }) =>
      value === undefined
        ? ''
        : branch(
            flags.map((flag) => `${name} ${flag}`),
            `${offering(value)}; return`,
          ),
    ),
  )
  return branches.join('')
}

/** Branches for what follows a command: another one, which `naming` offers, or an argument. */
export function operandBranches(
  table: Table,
  offering: (value: Value) => string,
  naming: (commands: Row['commands']) => string,
): string {
  const branches = table.map(({ name, commands, argument }) => {
    if (commands.length > 0) return branch([name], naming(commands))
    return argument === undefined ? '' : branch([name], offering(argument))
  })
  return branches.join('')
}

/** A text as one word, for bash and zsh. */
export function inQuotes(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** Whether a value is one of a few words. */
export function isWords(value: Value | undefined): value is readonly string[] {
  return Array.isArray(value)
}
