/**
 * Every code that Sluice raises, with the exit status of the command line; what it is about, and, where there is one,
 * the way out (`help`): whoever knows of a failure only by its code, as the other side does, is told these. Match on
 * `error.code`, never on the text of a message.
 */
export const CODES = {
  // use
  ERR_USAGE: { exit: 2, about: 'an option, argument or path is wrong' },
  ERR_STATE: { exit: 2, about: 'the call does not fit the state of the object' },
  ERR_UNSUPPORTED: { exit: 2, about: 'an algorithm or feature is not available here' },
  ERR_DUPLICATE_NAME: { exit: 2, about: 'two arguments would arrive under one name' },
  ERR_NO_SUCH_FILE: { exit: 2, about: 'a path to send, to read or to change does not exist' },
  // the conversation
  ERR_REJECTED: { exit: 3, about: 'the receiver did not accept the offer' },
  ERR_CANCELLED: { exit: 130, about: 'one of the sides cancelled' },
  ERR_INTERRUPTED: { exit: 4, about: 'the stream ended before the transfer did; rerun to resume' },
  ERR_TIMEOUT: { exit: 4, about: 'the peer was silent for too long', help: 'run it again' },
  ERR_UNREACHABLE: { exit: 6, about: 'no connection to the peer' },
  ERR_IDENTITY: { exit: 6, about: 'a side of a secure channel did not prove who it is, or is not let in' },
  ERR_PEER: { exit: 7, about: 'the peer reported an error of its own', help: 'the other side says why' },
  // the protocol
  ERR_NOT_SLUICE: { exit: 7, about: 'what the peer speaks is not Sluice' },
  ERR_VERSION: { exit: 7, about: 'the peer speaks another version', help: 'install the same on both sides' },
  ERR_FORMATS: { exit: 7, about: 'the wire stages of the two sides do not match' },
  ERR_PROTOCOL: {
    exit: 7,
    about: 'a message is malformed, out of range or out of order',
    help: 'install the same version on both sides',
  },
  ERR_LIMIT: {
    exit: 7,
    about: 'a limit of size, number or depth was exceeded',
    help: 'send less at once, or raise the limit at the receiver',
  },
  ERR_PATH: { exit: 7, about: 'a path is unsafe, or not possible where it should go', help: 'rename it' },
  ERR_TRUNCATED: { exit: 4, about: 'the input ended in the middle', help: 'run it again' },
  ERR_DECRYPT: { exit: 7, about: 'wrong key, or the bytes were changed on the way' },
  ERR_CORRUPT: {
    exit: 7,
    about: 'compressed or framed bytes cannot be read, or the list of files changed on its way',
    help: 'run it again',
  },
  // files
  ERR_FILES_FAILED: { exit: 1, about: 'the transfer finished, some files failed; see error.outcomes' },
  ERR_DIGEST: {
    exit: 5,
    about: 'the content of a file does not match its digest',
    help: 'run it again; if it fails again, mistrust the disks and the memory of both machines',
  },
  ERR_SOURCE_CHANGED: {
    exit: 1,
    about: 'a file changed, shrank or vanished while it was read',
    help: 'run it again while nobody changes it',
  },
  ERR_SOURCE_READ: {
    exit: 1,
    about: 'a file could not be read at the sender',
    help: 'the sender says why',
  },
  ERR_CONFLICT: {
    exit: 1,
    about: 'the name is taken by other content',
    help: 'rename one of the two, or choose another policy at the receiver',
  },
  ERR_TOGETHER: {
    exit: 1,
    about: 'it is right, but has no name, since all was to be published together and something else failed',
    help: 'mend that and run it again; what is there need not come again',
  },
  ERR_LINK: { exit: 1, about: 'a link leads out of the folder, or cannot be made', help: 'leave it out' },
  ERR_SKIPPED: { exit: 0, about: 'not asked for: a link, a device, or excluded by policy' },
  ERR_UNSENDABLE: {
    exit: 1,
    about: 'a name or link target that is no UTF-8, or too long or too deep, cannot be sent',
    help: 'rename it',
  },
  ERR_DISK_FULL: {
    exit: 8,
    about: 'not enough room at the receiver',
    help: 'make room there and run it again',
  },
  ERR_READ_ONLY: { exit: 8, about: 'the receiving disk is read-only', help: 'choose another folder there' },
  ERR_PERMISSION: {
    exit: 8,
    about: 'no permission at the receiving disk',
    help: 'check owner and mode of the folder there',
  },
  ERR_WRITE: { exit: 8, about: 'a file could not be written', help: 'the receiver says why' },
  ERR_UNSAFE_LINK: {
    exit: 8,
    about: 'a symbolic link stands where a folder should be',
    help: 'remove the link, or choose another folder there',
  },
  ERR_PARSE: { exit: 1, about: 'a file is not the JSON, YAML or text that it should be' },
  ERR_SCHEMA: { exit: 1, about: 'a value does not match its JSON Schema' },
  ERR_LOCKED: {
    exit: 1,
    about: 'somebody else holds the lock',
    help: 'run it again when they have let go of it',
  },
  ERR_LOCK_LOST: { exit: 1, about: 'a lock that was held is held no more', help: 'run it again' },
  ERR_TRANSACTION: { exit: 1, about: 'a transaction contradicts itself, or found what it did not leave' },
  ERR_OUTCOME_UNKNOWN: { exit: 1, about: 'whether it is done can only be said after a recovery' },
  ERR_DESTROYED: { exit: 4, about: 'a stream was destroyed before its end', help: 'run it again' },
} as const satisfies Record<string, { exit: number; about: string; help?: string }>

/** A code of a user's own, for stages and stores that are theirs: `APP_` and up to 60 of A to Z, 0 to 9 and `_`. */
export type OwnCode = `APP_${string}`

/** One of the codes of {@link CODES}, or one of a user's own. */
export type Code = keyof typeof CODES | OwnCode

/** What is said of one entry, of a finished transfer, or of a value in a file: no peer can end a transfer with it. */
const ENDS_NO_TRANSFER: ReadonlySet<string> = new Set<Code>([
  'ERR_FILES_FAILED',
  'ERR_DIGEST',
  'ERR_CONFLICT',
  'ERR_TOGETHER',
  'ERR_LINK',
  'ERR_SKIPPED',
  'ERR_UNSENDABLE',
  'ERR_PARSE',
  'ERR_SCHEMA',
])

/** Exit statuses that are about a whole run of the program, or about no failure: none of a file's. */
const OF_NO_FILE: readonly number[] = [0, 2, 3, 130]

/** Each code as the one string that is kept, however often a peer says it. */
const KNOWN = new Map((Object.keys(CODES) as Code[]).map((code) => [code as string, code]))
/** All that can be said of a code of a user's own. */
const OF_OWN_CODE = { about: 'a stage or a store of the other program refused it' }
const OWN = /^APP_[A-Z0-9_]{1,60}$/

function isOwnCode(text: unknown): text is OwnCode {
  return typeof text === 'string' && OWN.test(text)
}

/** The code that a peer said, if it is one of ours or of a user's own; else `ERR_PEER`. */
export function knownCode(text: string): Code {
  return KNOWN.get(text) ?? (isOwnCode(text) ? text : 'ERR_PEER')
}

/** The exit status of the command line for a code; 1 for one that is not ours. */
export function exitOfCode(code: string | undefined): number {
  return Object.hasOwn(CODES, code ?? '') ? CODES[code as keyof typeof CODES].exit : 1
}

/** The code that a peer gives up with, if it is one with which a transfer can end; else `ERR_PEER`. */
export function codeOf(text: string): Code {
  return ENDS_NO_TRANSFER.has(text) ? 'ERR_PEER' : knownCode(text)
}

/** The code that a peer gives for the failure of one file, if it is one of a failure; else `ERR_PEER`. */
export function fileCodeOf(text: string): Code {
  const code = knownCode(text)
  return OF_NO_FILE.includes(exitOfCode(code)) ? 'ERR_PEER' : code
}

/** What a code says of a failure that nothing else is known of: the reason, and the way out if there is one. */
export function sentenceOf(code: Code): string {
  const { about, help }: { about: string; help?: string } = isOwnCode(code) ? OF_OWN_CODE : CODES[code]
  return help === undefined ? about : `${about}; ${help}`
}

/** What became of an entry. */
export type OutcomeStatus = 'published' | 'skipped' | 'failed'

/** What became of one entry, as far as every error says it: that of a transfer has an `Outcome` for each. */
export interface FileOutcome {
  /** The path in the offer. */
  path: string
  status: OutcomeStatus
  /** The path under which it is at the receiver, where that is another one. */
  name?: string
  /** Why it failed, was skipped, or did not go as asked although it was published. */
  code?: Code
  /** The error behind `code`; at the sender, what the receiver says of a failure. */
  error?: SluiceError
}

/** What helps to find the cause: every part is optional. */
export interface ErrorDetails {
  /** What should have been there. */
  expected?: unknown
  /** What was there instead. */
  found?: unknown
  /** The path that it concerns, as it is (not escaped). */
  path?: string
  /** Whether the message says that path, as one of ours does: whoever shows it need not say the path once more. */
  saysPath?: boolean
  /** What became of every entry, with `ERR_FILES_FAILED`. */
  outcomes?: readonly FileOutcome[]
  /** The error underneath, for instance one of the file system. */
  cause?: unknown
}

/** The one error class of Sluice. `code` says which kind, `cause` what was underneath. */
export class SluiceError extends Error {
  override readonly name = 'SluiceError'
  readonly code: Code
  readonly expected?: unknown
  readonly found?: unknown
  readonly path?: string
  readonly saysPath?: boolean
  readonly outcomes?: readonly FileOutcome[]

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.expected !== undefined) this.expected = details.expected
    if (details.found !== undefined) this.found = details.found
    if (details.path !== undefined) this.path = details.path
    if (details.saysPath !== undefined) this.saysPath = details.saysPath
    if (details.outcomes !== undefined) this.outcomes = details.outcomes
  }
}

/**
 * Whether it is an error: not by `instanceof`, since under Jest, and in any other context of `node:vm`, those of Node
 * are instances of another `Error`.
 */
export function isError(thrown: unknown): thrown is Error {
  if (typeof thrown !== 'object' || thrown === null) return false
  const { name, message } = thrown as Partial<Error>
  return typeof name === 'string' && typeof message === 'string' && 'stack' in thrown
}

/** Whether `error` is a {@link SluiceError}, also of another copy of this module; of `code` if one is given. */
export function isSluiceError(error: unknown, code?: Code): error is SluiceError {
  if (!isError(error) || error.name !== 'SluiceError' || !('code' in error)) return false
  return code === undefined ? KNOWN.has(error.code as string) || isOwnCode(error.code) : error.code === code
}

/** The text of anything that was thrown: not all of it is an `Error`. */
export function messageOf(thrown: unknown): string {
  return isError(thrown) ? thrown.message : String(thrown)
}

/** What was thrown, if it is an error of ours; else one that says what failed, with that as its cause. */
export function asSluiceError(thrown: unknown, code: Code, what: string): SluiceError {
  if (isSluiceError(thrown)) return thrown
  return new SluiceError(code, `${what}: ${messageOf(thrown)}`, { cause: thrown })
}

/** What the code of a system error looks like. */
const SYSTEM_CODE = /^[A-Z][A-Z0-9_]{0,60}$/

/**
 * Whether the message may hold the words of something else that was thrown, which may name what is on this machine: our
 * own words for an error of the system have its code alone.
 */
export function hasForeignWords({ message, cause }: SluiceError): boolean {
  if (cause === undefined) return false
  if (isSluiceError(cause)) return hasForeignWords(cause)
  const code = isError(cause) && 'code' in cause ? cause.code : undefined
  return typeof code !== 'string' || !SYSTEM_CODE.test(code) || message.includes(messageOf(cause))
}

/** What was thrown, as an error: a stream takes `undefined`, and all that is false, for success. */
export function errorOf(thrown: unknown): Error {
  if (isError(thrown)) return thrown
  const message = `what was thrown is no error: ${messageOf(thrown)}`
  // none of ours: whoever knows where it was thrown still has to say so, as of any other error
  return Object.assign(new Error(message, { cause: thrown }), { code: 'ERR_DESTROYED' satisfies Code })
}

const SHORT_ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }
const CONTROL = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\\]/gu

/** A number of things for people: 1 file, 2 files; 1 entry, 2 entries. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}

/**
 * Text from a peer or from a disk, made safe to show: control characters, invisible and direction-changing
 * marks, lone surrogates and the backslash itself become `\n`-style or `\u{…}` escapes; at most `max` characters.
 */
export function printable(text: string, max = 4096): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text
  return cut.replace(CONTROL, (c) => SHORT_ESCAPES[c] ?? `\\u{${c.codePointAt(0)!.toString(16)}}`)
}

const UNSAFE_IN_JSON = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/**
 * JSON made safe for a terminal, an editor and readers of lines: JSON itself escapes only what is below the space. It
 * stays the same value.
 */
export function printableJson(json: string): string {
  return json.replace(UNSAFE_IN_JSON, (character) => {
    // one character may be two units of UTF-16
    const units = character.split('').map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'))
    return units.map((unit) => `\\u${unit}`).join('')
  })
}
