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

/** Asks on the terminal whether an offer is accepted. The question is withdrawn when `signal` aborts. */
export async function confirmOffer({ io, stop }: Context, signal: AbortSignal): Promise<boolean> {
  const { default: confirm } = await import('@inquirer/confirm')
  try {
    return await confirm(
      { message: 'Accept?', default: false },
      { input: io.stdin, output: io.stderr, signal },
    )
  } catch {
    // while a question is on the terminal, Ctrl-C is a key and not a signal
    if (!signal.aborted) stop()
    return false
  }
}
