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

/** What follows belongs to the command below. */
const ENTER = 'command="$command $word"'

/** For bash from 3.2 on. A value that only the user knows gets files, as everything does in bash. */
export function bashScript(table: Table): string {
  const words = (list: readonly string[]) => `_sluice_offer ${list.map(inQuotes).join(' ')}`
  const offering = (value: Value) =>
    isWords(value) ? words(value) : value === 'peer' ? '_sluice_peers' : ':'
  const options = table.map((row) => branch([row.name], words(row.options.flatMap(({ flags }) => flags))))
  const naming = (commands: Row['commands']) => words(commands.map(({ name }) => name))
  return `# bash completion of sluice: source it, or keep it as
# ~/.local/share/bash-completion/completions/sluice

# Offers those of its arguments that begin as the word at the cursor does.
_sluice_offer() {
  local word
  for word; do
    if [[ $word == "$cur"* ]]; then COMPREPLY+=("$(printf %q "$word")"); fi
  done
}

_sluice_peers() {
  local name
  while IFS= read -r name; do _sluice_offer "$name"; done < <(${PEERS})
}

_sluice() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command=sluice word i
  COMPREPLY=()
  # --option=value comes as three words
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$command $word" in
${branch(valueOptions(table), '((++i))')}${branch(commandsBelow(table), ENTER)}    esac
  done
  case "$command $prev" in
${valueBranches(table, offering)}  esac
  if [[ $cur == -* ]]; then
    case $command in
${options.join('')}    esac
    return
  fi
  case $command in
${operandBranches(table, offering, naming)}  esac
}

complete -o bashdefault -o default -F _sluice sluice
`
}
