import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { wrapped } from '../../../terminal/text.js'
import type { Offer } from '../../../wire/entry.js'
import { listOffer } from '../words/describe.js'
import { Choices, withFolders } from './choices.js'
import { canChoose, choose, type Terminal } from './choose.js'
import { goingOn } from './signals.js'

/** How an offer is asked about. */
export interface AskOptions {
  /** Withdraws the question. */
  signal: AbortSignal
  /** The option by which it is all or nothing, if there is one. */
  onlyWhole: string | undefined
}

/**
 * Asks on the terminal whether an offer is accepted: yes only if that is said, and no at the end of the input; or, as
 * paths, which of it. To `list` a screenful of all that is offered is shown, and the next one to the next.
 */
export async function confirmOffer(
  terminal: Terminal,
  offer: Offer,
  asked: AskOptions,
): Promise<boolean | string[]> {
  const { io } = terminal
  await dropTyped(io.stdin)
  const list = listOffer(offer)
  const maySome = asked.onlyWhole === undefined && offer.entries.length > 1 && canChoose(terminal)
  for (;;) {
    const answer = await ask(terminal, list, maySome, asked)
    if (answer !== 'some') return answer
    const chosen = await chooseEntries(terminal, offer, asked.signal)
    if (chosen) return chosen
  }
}

/** Until there is an answer. */
async function ask(
  { io, stop }: Terminal,
  list: Generator<string>,
  maySome: boolean,
  { signal, onlyWhole }: AskOptions,
): Promise<boolean | 'some'> {
  // a terminal that has closed
  if (io.stdin.readableEnded || io.stdin.destroyed || signal.aborted) return false
  const lines = createInterface({ input: io.stdin, output: io.stderr, terminal: true, historySize: 0 })
  const withdraw = () => lines.close()
  // a terminal that closes now: readline passes its error on, but takes it for no end
  for (const emitter of [io.stdin, lines]) emitter.on('error', ignore)
  io.stdin.on('close', withdraw)
  signal.addEventListener('abort', withdraw)
  // while a question is on the terminal, Ctrl-C is a key and not a signal
  lines.on('SIGINT', () => {
    stop()
    lines.close()
  })
  const over = goingOn(io.stdin, () => lines.prompt(true))
  // what is typed before the next question is kept for it
  const answers = lines[Symbol.asyncIterator]()
  const words = maySome ? ['y', 'n', 'some', 'list'] : ['y', 'n', 'list']
  try {
    for (;;) {
      lines.setPrompt(`Accept? (${words.join(' / ')}) `)
      lines.prompt()
      const { value = '', done } = await answers.next().catch(() => ({ value: '', done: true }))
      if (done) io.stderr.write('\n')
      if (done || /^no?$/i.test(value.trim())) return false
      if (/^y(es)?$/i.test(value.trim())) return true
      const isList = /^l(ist)?$/i.test(value.trim())
      const isSome = /^s(ome)?$/i.test(value.trim())
      if (isSome && maySome) return 'some'
      const why = isSome && onlyWhole !== undefined ? `with ${onlyWhole} it is all or nothing; ` : ''
      const pleaded = `${why}please answer ${words.slice(0, -1).join(', ')} or list`
      io.stderr.write(`${isList ? nextPage(list, io.stderr) : pleaded}\n`)
    }
  } finally {
    over()
    signal.removeEventListener('abort', withdraw)
    io.stdin.off('close', withdraw).off('error', ignore)
    lines.close()
  }
}

/** Which entries of an offer are wanted; undefined if that was not said. */
async function chooseEntries(
  terminal: Terminal,
  { entries }: Offer,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const choices = new Choices(await withFolders(entries))
  return choose(terminal, { question: 'Take what?', enter: 'accepts', choices }, signal)
}

const ignore = () => {}

/** Throws away what was typed before there was a question: it is no answer to what nobody had seen. */
async function dropTyped(stdin: NodeJS.ReadStream): Promise<void> {
  if (!stdin.isTTY || stdin.destroyed) return
  // so that a line without its end is read, too
  stdin.setRawMode?.(true)
  stdin.resume()
  // what the terminal holds is read in the next turn
  for (let turn = 0; turn < 2; turn++) await setImmediate()
  stdin.pause()
  stdin.setRawMode?.(false)
}

/** The next lines, as many as the terminal has rows, but for the question. */
function nextPage(list: Generator<string>, { rows = 24, columns = 80 }: NodeJS.WriteStream): string {
  const page: string[] = []
  while (page.length < Math.max(rows - 3, 1)) {
    const { value, done } = list.next()
    if (done) return [...page, '  that is all'].join('\n')
    page.push(...wrapped(value, columns).split('\n'))
  }
  return [...page, '  … list again for more'].join('\n')
}
