import { createInterface, type Interface } from 'node:readline'
import { printable } from '../../errors.js'
import type { Offer } from '../../wire/entry.js'
import type { Context } from './context.js'
import { counted, size } from './progress.js'

/** How many names at the top of an offer are shown. */
const SHOWN = 10

/** Paths of files that programs run or take settings from: always shown. */
const DELICATE = /(^|\/)\.(ssh|gnupg|config|bash\w*|profile|zsh\w*|git|npmrc|netrc)(\/|$)/

/** An offer as lines for people: how many entries, bytes and free bytes, and names; all escaped. */
export function describeOffer(offer: Offer, free: number | null): string[] {
  const top = new Set(offer.entries.map(({ path }) => path.split('/', 1)[0]!))
  const names = Array.from(top).slice(0, SHOWN)
  const delicate = offer.entries.filter(({ path }) => DELICATE.test(path)).slice(0, SHOWN)
  return [
    `offered: ${printable(offer.name, 100)}, ${counted(offer.entries.length, 'entry', 'entries')}, ${size(offer.bytes)}` +
      (free === null ? '' : ` (${size(free)} free)`),
    ...names.map((name) => `  ${printable(name, 100)}`),
    ...(top.size > SHOWN ? [`  … and ${top.size - SHOWN} more`] : []),
    ...delicate.map(({ path }) => `  careful: ${printable(path, 200)}`),
  ]
}

/**
 * Asks on the terminal whether an offer is accepted: yes only if that is said, and no at the end of the input. The
 * question is withdrawn when `signal` aborts.
 */
export async function confirmOffer({ io, stop }: Context, signal: AbortSignal): Promise<boolean> {
  // a terminal that has closed
  if (io.stdin.readableEnded || io.stdin.destroyed) return false
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
  try {
    for (;;) {
      const answer = await answerTo('Accept? (y/N) ', lines)
      if (answer === undefined) io.stderr.write('\n')
      if (/^(no?)?$/i.test(answer ?? '')) return false
      if (/^y(es)?$/i.test(answer ?? '')) return true
    }
  } finally {
    signal.removeEventListener('abort', withdraw)
    io.stdin.off('close', withdraw).off('error', ignore)
    lines.close()
  }
}

const ignore = () => {}

/** The line that is typed; undefined if the input ends, or is not read any more. */
function answerTo(question: string, lines: Interface): Promise<string | undefined> {
  return new Promise((resolve) => {
    const end = () => resolve(undefined)
    lines.once('close', end)
    lines.question(question, (answer) => {
      lines.off('close', end)
      resolve(answer.trim())
    })
  })
}
