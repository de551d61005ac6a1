import { SluiceError } from '../../errors.js'
import { isAddress, shownWord } from './dialler.js'
import { type ListenFlags, manyOf } from './entrance.js'
import { checkFind } from './find.js'
import { checkRemember } from './remember.js'

/** What may be said of how the other side is reached. */
export interface Ways extends ListenFlags {
  /** Whom to connect to; see `wordGiven`. */
  word?: string | undefined
  via?: string
  stdio?: boolean
  remember?: string
}

/** Those that are for whoever listens. */
const LISTENING = ['listen', 'address', 'plain', 'allow', 'many', 'expires', 'qr'] as const

/**
 * Checks that there is one way to the other side, before anything is opened.
 * @param given how the word was given: before it stands `option`, if that is not empty; or it is the variable
 *   SLUICE_TICKET, where it is no argument
 * @param about what a user needs to know who has given two
 * @throws SluiceError `ERR_USAGE`
 */
export function checkWays(
  ways: Ways,
  given: { option: '--to ' | ''; isArgument: boolean },
  about: string,
): void {
  const { word, via, stdio, listen, address, allow, many, expires, qr, plain, remember, find } = ways
  const dialling = [
    word !== undefined && (given.isArgument ? `${given.option}${shownWord(word)}` : 'SLUICE_TICKET'),
    via !== undefined && '--via',
    stdio && '--stdio',
  ].filter((way) => typeof way === 'string')
  const listening = LISTENING.filter((flag) => ways[flag] !== undefined).map((flag) => `--${flag}`)
  const [one, other] = [...dialling, ...listening]
  if (dialling.length > 0 && other !== undefined)
    throw new SluiceError('ERR_USAGE', `either ${one} or ${other}, not both: ${about}`)
  if (plain && (address || allow || many || expires))
    throw new SluiceError(
      'ERR_USAGE',
      '--address, --allow, --many and --expires are for tickets and keys: leave --plain out',
    )
  if (address && listen === undefined)
    throw new SluiceError(
      'ERR_USAGE',
      "--address is what leads to a port here, which has to stay the same: add it, as --listen '*:7000'",
    )
  if (allow && (many || expires || qr))
    throw new SluiceError(
      'ERR_USAGE',
      '--many, --expires and --qr are for tickets, and with --allow there is none',
    )
  if (remember !== undefined && (allow || (many !== undefined && manyOf(many) > 1)))
    throw new SluiceError(
      'ERR_USAGE',
      '--remember is for one other who is not known yet: leave --many and --allow out',
    )
  const isProved = !plain && !stdio && via === undefined && !(word !== undefined && isAddress(word))
  checkRemember(remember, isProved)
  checkFind(find, isProved)
}
