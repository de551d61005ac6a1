import { type Code, printable, type SluiceError } from '../../errors.js'
import { isReservedName } from '../../files/own/reserved.js'
import { size } from '../../terminal/text.js'
import type { Tally } from './tally.js'

/** What a transfer moved, and for how long it ran, in milliseconds. */
export interface Numbers {
  bytes: number
  resumedBytes?: number
  took: number
}

/** What got another name. */
export function renamedLines({ renamed }: Tally): string[] {
  return renamed.map(({ path, name }) => {
    const isOurs = path.split('/').some(isReservedName)
    const why = isOurs ? 'Sluice keeps such names for itself' : 'the name was taken'
    return `${printable(path)}: ${why}, so that it was saved as ${printable(name!)}`
  })
}

/** What became of all, for people. `where` is the end of "2 files …". */
export function summaryOf(
  { published = 'nothing new', others }: Tally,
  where: string,
  { bytes, resumedBytes = 0, took }: Numbers,
): string {
  const rate = bytes === 0 ? '' : `, ${size((bytes / Math.max(took, 1)) * 1000)}/s`
  const resumed = resumedBytes === 0 ? '' : `; ${size(resumedBytes)} were there`
  const more = others === '' ? '' : `; ${others}`
  return `${published} ${where} (${size(bytes)}${rate}${resumed})${more}`
}

/** How a transfer ends that may be run again for the rest. */
const INTERRUPTED = new Set<Code>(['ERR_INTERRUPTED', 'ERR_TRUNCATED', 'ERR_TIMEOUT', 'ERR_CANCELLED'])

/** Who went away, what was kept, and what to do; undefined where running it again is no way out. */
export function interruptedText(
  { code }: SluiceError,
  who: string,
  { published = 'no whole file', there }: Tally,
  where: string,
): string | undefined {
  if (!INTERRUPTED.has(code)) return undefined
  const kept = there === 0 ? published : `${published}, and ${there} there already,`
  return `${who} before the end; ${kept} ${where}. Run the same commands again for the rest`
}
