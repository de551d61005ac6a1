import { createInterface, type Interface } from 'node:readline'
import { inSlices } from '../../async.js'
import { printable } from '../../errors.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { Context } from './context.js'
import { DelicatePaths } from './delicate.js'
import { Kinds } from './tally.js'
import { size } from './text.js'

/** How many names at the top of an offer are shown. */
const SHOWN = 10

/** What is shown of the paths of an offer. */
class ShownPaths {
  readonly top = new Set<string>()
  readonly delicate = new DelicatePaths(SHOWN)

  readonly kinds = new Kinds()

  add({ type, path }: Entry): void {
    this.kinds.add(type)
    this.top.add(path.split('/', 1)[0]!)
    this.delicate.add(path)
  }
}

/**
 * An offer as lines for people: how many entries, bytes and free bytes, and names; all escaped. There may be a million
 * entries: others have their turn meanwhile.
 */
export async function describeOffer(offer: Offer, free: number | null): Promise<string[]> {
  const shown = new ShownPaths()
  await inSlices(offer.entries, (entry) => shown.add(entry))
  const { top, delicate, kinds } = shown
  const names = Array.from(top).slice(0, SHOWN)
  const more = delicate.count - delicate.paths.length
  return [
    `offered: ${printable(offer.name, 100)}, ${kinds}, ${size(offer.bytes)}` +
      (free === null ? '' : ` (${size(free)} free)`),
    ...names.map((name) => `  ${printable(name, 100)}`),
    ...(top.size > SHOWN ? [`  … and ${top.size - SHOWN} more`] : []),
    ...delicate.paths.map((path) => `  careful: ${printable(path, 200)}`),
    ...(more > 0 ? [`  careful: … and ${more} more like these`] : []),
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
