import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { wrapped } from '../../../terminal/text.js'
import type { Offer } from '../../../wire/entry.js'
import type { Context } from '../context.js'
import { listOffer } from '../words/describe.js'

const QUESTION = 'Accept? (y / n / list) '

/**
 * Asks on the terminal whether an offer is accepted: yes only if that is said, and no at the end of the input. To
 * `list` a screenful of all that is offered is shown, and the next one to the next. The question is withdrawn when
 * `signal` aborts.
 */
export async function confirmOffer(
  { io, stop }: Context,
  offer: Offer,
  signal: AbortSignal,
): Promise<boolean> {
  // a terminal that has closed
  if (io.stdin.readableEnded || io.stdin.destroyed) return false
  await dropTyped(io.stdin)
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
  // what is typed before the next question is kept for it
  const answers = lines[Symbol.asyncIterator]()
  const list = listOffer(offer)
  try {
    for (;;) {
      lines.setPrompt(QUESTION)
      lines.prompt()
      const { value = '', done } = await answers.next().catch(() => ({ value: '', done: true }))
      if (done) io.stderr.write('\n')
      if (done || /^no?$/i.test(value.trim())) return false
      if (/^y(es)?$/i.test(value.trim())) return true
      const isList = /^l(ist)?$/i.test(value.trim())
      io.stderr.write(`${isList ? nextPage(list, io.stderr) : 'please answer y, n or list'}\n`)
    }
  } finally {
    signal.removeEventListener('abort', withdraw)
    io.stdin.off('close', withdraw).off('error', ignore)
    lines.close()
  }
}

const ignore = () => {}

/** Throws away what was typed before there was a question: it is no answer to what nobody had seen. */
async function dropTyped(stdin: NodeJS.ReadStream): Promise<void> {
  if (!stdin.isTTY) return
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
