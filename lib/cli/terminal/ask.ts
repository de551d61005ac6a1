import { printable } from '../../errors.js'
import type { Offer } from '../../wire/manifest.js'
import type { Context } from './context.js'
import { counted, size } from './progress.js'

/** Names at the top of an offer that are shown. */
const SHOWN = 10

/** Paths that change what programs do: shown in any case. */
const DELICATE = /(^|\/)\.(ssh|gnupg|config|bash\w*|profile|zsh\w*|git|npmrc|netrc)(\/|$)/

/** What an offer is, in lines for people: number, bytes, room, names; everything escaped. */
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

/** Asks on the terminal whether an offer is taken; nobody is asked any more when `signal` aborts. */
export async function confirmOffer({ io, stop }: Context, signal: AbortSignal): Promise<boolean> {
  const { default: confirm } = await import('@inquirer/confirm')
  try {
    return await confirm(
      { message: 'Accept?', default: false },
      { input: io.stdin, output: io.stderr, signal },
    )
  } catch {
    // Ctrl-C is no signal while a question is on the terminal, but a key
    if (!signal.aborted) stop()
    return false
  }
}
