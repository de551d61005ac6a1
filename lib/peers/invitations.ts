import { randomBytes, timingSafeEqual } from 'node:crypto'
import { type Clock, systemClock } from '../clock.js'
import { counted, SluiceError } from '../errors.js'
import { checkDuration, checkKeys, checkWhole } from '../options.js'
import { fingerprint } from './keys.js'
import { SECRET_LENGTH } from './secure/noise.js'

/** What {@link Invitations} takes. */
export interface InvitationsOptions {
  /** Wrong secrets, of all strangers together, after which no open invitation counts any more; 10 by default. */
  tries?: number
  clock?: Clock
  /** For tests: gives so many random bytes. */
  random?: (bytes: number) => Uint8Array
}

/** What {@link Invitations.issue} takes. */
export interface IssueOptions {
  /** How many keys may come with it; 1 by default. */
  many?: number
  /** Milliseconds until it expires for keys that have not come yet; an hour by default. */
  ttl?: number
}

interface Invitation {
  readonly secret: Uint8Array
  readonly expires: number
  readonly many: number
  /** Those that came with it. */
  readonly keys: Set<string>
  /** Too many wrong secrets were tried. */
  isWithdrawn: boolean
}

const AN_HOUR = 60 * 60 * 1000

/**
 * The secrets of the tickets that a listener has given out, and who came with them. The first success binds a secret
 * to the dialler's key, and uses it up: that key is let in from then on, also without the secret and after it has
 * expired, so that a transfer goes on after a break. No other key is.
 */
export class Invitations {
  readonly #tries: number
  readonly #clock: Clock
  readonly #random: (bytes: number) => Uint8Array
  #invitations: Invitation[] = []
  #wrong = 0

  constructor(options: InvitationsOptions = {}) {
    checkKeys('options', options, { tries: true, clock: true, random: true })
    const { tries = 10, clock = systemClock, random = randomBytes } = options
    checkWhole('tries', tries, 1)
    this.#tries = tries
    this.#clock = clock
    this.#random = random
  }

  /** The secret of a new invitation, 16 bytes. */
  issue(options: IssueOptions = {}): Uint8Array {
    checkKeys('options', options, { many: true, ttl: true })
    const { many = 1, ttl = AN_HOUR } = options
    checkWhole('many', many, 1)
    checkDuration('ttl', ttl)
    const secret = Uint8Array.from(this.#random(SECRET_LENGTH))
    const expires = this.#clock.now() + ttl
    this.#invitations.push({ secret, expires, many, keys: new Set(), isWithdrawn: false })
    return secret.slice()
  }

  /**
   * Milliseconds for which somebody new can still come by one of them: 0 if all are used up, expired or withdrawn.
   * Those who have come before are let in all the same.
   */
  get openFor(): number {
    const now = this.#clock.now()
    const open = this.#invitations.filter((one) => this.#whyClosed(one) === undefined)
    return Math.max(0, ...open.map(({ expires }) => expires - now))
  }

  /** Ends an invitation, for those that came with it, too. */
  withdraw(secret: Uint8Array): void {
    const ended = this.#find(secret)
    this.#invitations = this.#invitations.filter((invitation) => invitation !== ended)
  }

  /**
   * Lets a dialler in that has proved its key.
   * @throws SluiceError `ERR_IDENTITY`, with the reason for the user of the listener; the dialler is not told
   */
  admit({ key, secret }: { key: Uint8Array; secret?: Uint8Array }): true {
    const name = Buffer.from(key).toString('hex')
    if (this.#invitations.some(({ keys }) => keys.has(name))) return true
    if (secret === undefined)
      throw refused(`its key, ${fingerprint(key)}, is not known here, and it has no ticket`)
    const invitation = this.#find(secret)
    if (!invitation) throw refused(this.#wrongSecret())
    const why = this.#whyClosed(invitation)
    if (why !== undefined) throw refused(why)
    invitation.keys.add(name)
    return true
  }

  /** Why nobody new comes by an invitation; undefined if somebody can. */
  #whyClosed({ keys, many, isWithdrawn, expires }: Invitation): string | undefined {
    if (keys.size >= many) return 'its ticket was used already'
    if (isWithdrawn) return 'its ticket was withdrawn after too many wrong secrets'
    return this.#clock.now() >= expires ? 'its ticket has expired' : undefined
  }

  /** Compares with all of them, in a time that tells nothing. */
  #find(secret: Uint8Array): Invitation | undefined {
    let found: Invitation | undefined
    if (secret.length !== SECRET_LENGTH) return undefined
    for (const invitation of this.#invitations)
      if (timingSafeEqual(invitation.secret, secret)) found = invitation
    return found
  }

  #wrongSecret(): string {
    if (++this.#wrong < this.#tries) return 'the secret of its ticket is wrong'
    for (const invitation of this.#invitations) invitation.isWithdrawn = true
    this.#wrong = 0
    return `the secret of its ticket is wrong; after ${counted(this.#tries, 'wrong one')} no open ticket counts any more`
  }
}

function refused(reason: string): SluiceError {
  return new SluiceError('ERR_IDENTITY', `a dialler was not let in: ${reason}`)
}
