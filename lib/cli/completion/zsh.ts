import {
  branch,
  commandsBelow,
  inQuotes,
  isWords,
  operandBranches,
  PEERS,
  type Row,
  type Table,
  type Value,
  valueBranches,
  valueOptions,
} from './table.js'

/** Words with what they are about, as `_describe` takes them. */
function described(words: readonly { name: string; about: string }[]): string {
  const escaped = (text: string) => text.replaceAll(/[\\:]/g, '\\$&')
  return words.map(({ name, about }) => inQuotes(`${escaped(name)}:${escaped(about)}`)).join(' ')
}

/** For zsh. */
export function zshScript(table: Table): string {
  const offering = (value: Value) => {
    if (isWords(value)) return `compadd -- ${value.map(inQuotes).join(' ')}`
    return value === 'peer' ? '_sluice_peers' : value === 'file' ? '_files' : ':'
  }
  const options = table.map((row) => {
    const words = row.options.flatMap(({ flags, about }) => flags.map((name) => ({ name, about })))
    return branch([row.name], `list=(${described(words)})`)
  })
  const naming = (commands: Row['commands']) =>
    `list=(${described(commands)}); _describe -t commands command list`
  return `#compdef sluice
# zsh completion of sluice: keep it as _sluice in a folder of $fpath

_sluice_peers() {
  local -a names
  names=("\${(@f)$(${PEERS})}")
  compadd -a names
}

_sluice() {
  local command=sluice previous=\${words[CURRENT-1]} word
  local -a list
  integer i
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    case "$command $word" in
${branch(valueOptions(table), '((++i))')}${branch(commandsBelow(table), 'command="$command $word"')}    esac
  done
  if [[ $PREFIX == --*=* ]]; then
    previous=\${PREFIX%%=*}
    compset -P '*='
  fi
  case "$command $previous" in
${valueBranches(table, offering)}  esac
  if [[ $PREFIX == -* ]]; then
    case $command in
${options.join('')}    esac
    _describe -o option list
    return
  fi
  case $command in
${operandBranches(table, offering, naming)}  esac
}

if [[ $funcstack[1] == _sluice ]]; then _sluice "$@"; else compdef _sluice sluice; fi
`
}
