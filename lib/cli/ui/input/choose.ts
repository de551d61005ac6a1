import type { Key } from 'node:readline'
import type { AutocompletePrompt } from '@clack/core'
import { drawsOn } from '../../../terminal/live-lines.js'
import { fittedLine, shownPath, wrapped } from '../../../terminal/text.js'
import { aboutEntry } from '../words/describe.js'
import { shownName } from '../words/shown-name.js'
import { type Choice, type Choices, MOST_FOUND } from './choices.js'
import { goingOn } from './signals.js'

/** Where people are asked. */
export interface Terminal {
  io: { stdin: NodeJS.ReadStream; stderr: NodeJS.WriteStream }
  /** Stops the program, for whoever asks for that by a key: while a question is there, Ctrl-C is no signal. */
  stop(): void
}

/** What people are asked. */
export interface ChoiceQuestion {
  question: string
  /** What the key Enter does, as 'sends'. */
  enter: string
  choices: Choices
}

/** Rows of the list at most: more would have to be read from top to bottom. */
const MOST_ROWS = 15

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'

/** Whether somebody is at a terminal on which it can be chosen. */
export function canChoose({ io }: Pick<Terminal, 'io'>): boolean {
  return io.stdin.isTTY && drawsOn(io.stderr)
}

/**
 * Has people choose on the terminal, with search.
 * @param withdrawn withdraws the question
 * @returns the paths, one at least; undefined for the key Escape, the end of the input, and a question that was
 * withdrawn. Ctrl-C stops the program, too.
 */
export async function choose(
  { io, stop }: Terminal,
  asked: ChoiceQuestion,
  withdrawn: AbortSignal,
): Promise<string[] | undefined> {
  const { AutocompletePrompt, isCancel } = await import('@clack/core')
  const { stdin: input, stderr: output } = io
  // what ends a terminal is no key for the prompt; and what aborts when there is an answer must not reach it any more
  const ended = new AbortController()
  const end = () => ended.abort()
  let shown = ''
  let isErased = false
  const prompt = new AutocompletePrompt<Option>({
    input,
    output,
    signal: ended.signal,
    multiple: true,
    options() {
      return asked.choices.matching(this.userInput).map((choice) => ({ value: choice.path, choice }))
    },
    filter: () => true,
    validate: (paths) => (paths?.length ? undefined : 'nothing is chosen yet: Tab chooses'),
    render() {
      if (isErased) return ''
      shown = frame(this, asked, output)
      return shown
    },
  })
  const stopping = (_: unknown, { ctrl, name }: Key) => {
    if (ctrl && name === 'z') output.write(SHOW_CURSOR)
  }
  // the prompt draws only what differs from what it drew last, and that from so many rows above the cursor
  const over = goingOn(input, () => {
    output.write(HIDE_CURSOR + '\n'.repeat(shown.split('\n').length - 1))
    isErased = true
    output.emit('resize')
    isErased = false
    output.emit('resize')
  })
  prompt.on('key', (_, { ctrl, name }) => {
    if (ctrl && name === 'c') stop()
    if (ctrl && name === 'd') queueMicrotask(end)
  })
  withdrawn.addEventListener('abort', end)
  if (withdrawn.aborted) end()
  // before that of readline, which stops the program at this key
  input.on('keypress', stopping).on('error', ignore).on('close', end).on('end', end)
  try {
    const chosen = await prompt.prompt()
    return isCancel(chosen) ? undefined : (chosen as string[])
  } finally {
    over()
    withdrawn.removeEventListener('abort', end)
    input.off('keypress', stopping).off('error', ignore).off('close', end).off('end', end)
  }
}

interface Option {
  value: string
  choice: Choice
}

const ignore = () => {}

/** What stands on the terminal, as text. Which row the keys are about must be seen without colours, too. */
function frame(
  prompt: Omit<AutocompletePrompt<Option>, 'prompt'>,
  { question, enter }: ChoiceQuestion,
  { rows = 24, columns = 80 }: NodeJS.WriteStream,
): string {
  const { state, cursor, selectedValues: chosen, filteredOptions: found, error } = prompt
  if (state === 'cancel') return fittedLine(question, columns)
  if (state === 'submit') return fittedLine(`${question} ${chosen.length} chosen`, columns)
  const many = found.length === MOST_FOUND ? ' or more' : ''
  const head = wrapped(
    `${question} Type to search; up and down move, Tab chooses, Enter ${enter}, Esc ends`,
    columns,
  )
  const search = fittedLine(`search: ${prompt.userInput}█`, columns)
  const foot = fittedLine(error || `${chosen.length} chosen, ${found.length}${many} found`, columns)
  const room = Math.max(Math.min(rows - head.split('\n').length - 3, MOST_ROWS), 1)
  const from = Math.max(0, Math.min(cursor - Math.floor(room / 2), found.length - room))
  const list = found.slice(from, from + room).map(({ value, choice }, n) => {
    const marks = `${from + n === cursor ? '>' : ' '} [${chosen.includes(value) ? 'x' : ' '}] `
    const beside = aboutEntry(choice)
    const width = columns - marks.length - (beside === '' ? 0 : beside.length + 2)
    const name = shownPath(shownName(choice), Math.max(width, 10))
    return fittedLine(`${marks}${name}${beside && `  ${beside}`}`, columns)
  })
  return [head, search, ...list, foot].join('\n')
}
