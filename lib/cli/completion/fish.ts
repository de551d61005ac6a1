import { commandsBelow, isWords, PEERS, type Row, type Table, type Value, valueOptions } from './table.js'

const quoted = (text: string) => `'${text.replaceAll(/[\\']/g, '\\$&')}'`

/** What `complete` is told of a value. */
function offering(value: Value): string {
  if (value === 'file') return '-F'
  return isWords(value) ? `-a ${quoted(value.join(' '))}` : value === 'peer' ? "-a '(__sluice_peers)'" : ''
}

/** For fish. */
export function fishScript(table: Table): string {
  const lines = table.flatMap((row) => {
    const at = `complete -c sluice -n ${quoted(`__sluice_at ${quoted(row.name)}`)}`
    return linesOf(row).map((line) => `${at} ${line}`.trimEnd())
  })
  const list = (words: readonly string[]) => words.map(quoted).join(' ')
  return `# fish completion of sluice: keep it as ~/.config/fish/completions/sluice.fish

function __sluice_peers
  ${PEERS}
end

# Whether the words in front of the cursor are of this command.
function __sluice_at
  set -l command sluice
  set -l is_value 0
  for word in (commandline -opc)[2..-1]
    if test $is_value = 1
      set is_value 0
      continue
    end
    switch "$command $word"
      case ${list(valueOptions(table))}
        set is_value 1
      case ${list(commandsBelow(table))}
        set command "$command $word"
    end
  end
  test $command = $argv[1]
end

complete -c sluice -f
${lines.join('\n')}
`
}

function linesOf({ options, commands, argument }: Row): string[] {
  return [
    ...commands.map(({ name, about }) => `-a ${quoted(name)} -d ${quoted(about)}`),
    ...options.map(({ flags, about, value }) => {
      const names = flags.map((flag) =>
        flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
      )
      const follows = value === undefined ? '' : `-r ${value === 'file' ? '' : '-f '}${offering(value)}`
      return `${names.join(' ')} -d ${quoted(about)} ${follows}`.trimEnd()
    }),
    ...(argument === undefined || argument === 'free' ? [] : [offering(argument)]),
  ]
}
