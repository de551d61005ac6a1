import { printableJson, type SluiceError } from '../../errors.js'
import type { LeftFile, UnfinishedTransfer } from '../../files/journal/unfinished.js'
import type { RecoveredTransaction } from '../../files/transaction/recover.js'
import type { VerifiedFile } from '../../peers/verify-receipt.js'
import { withoutTickets } from '../../terminal/tickets.js'
import type { PausedBy, TransferState } from '../../transfer/lifecycle.js'
import type { Progress } from '../../transfer/progress.js'
import type { Amount } from '../../transfer/quota.js'
import type { Allowed } from '../../transfers/allowed.js'
import type { RecordedTransfer } from '../../transfers/history-file.js'
import type { ToldOutcome, TransferResult } from '../../wire/outcome.js'

/** The version of the output of `--json`. Within a version keys and events are only added. */
export const EVENTS_VERSION = 1

/**
 * What `--json` prints on standard output, one object a line, each with `version` as well. Sizes are bytes, times
 * milliseconds. A transfer ends with exactly one `completed` or `error`. `id` is that of the transfer, once its offer
 * is known; an `error` without an id is that of the command itself. `pack` writes its stream to standard output, and
 * its events to standard error.
 */
export type CliEvent =
  /** The address for the other side; always the first line. */
  | { event: 'listening'; address: string }
  /**
   * `peer` is who offers it, for people: the name of the peer, if it has one here, and its fingerprint. `series`: the
   * sender goes on with what changes.
   */
  | { event: 'offer'; id: string; name: string; entries: number; bytes: number; peer?: string; series?: true }
  /** `pausedBy`: 'here', 'peer' or 'both', as long as one of the sides wants a pause. */
  | { event: 'state'; id?: string; state: TransferState; pausedBy?: PausedBy }
  | ({ event: 'file'; id?: string } & ToldOutcome)
  | { event: 'warning'; id?: string; code: string; message: string; path?: string }
  /** Nothing has come from the other side for a while, or something comes again; it is given up after a minute. */
  | { event: 'silent'; id: string; silent: boolean }
  /**
   * The connection was lost, or could not be made again, as `code` and `message` say: another attempt is made in `wait`
   * milliseconds, of `attempts` at most. States follow.
   */
  | {
      event: 'reconnecting'
      id?: string
      attempt: number
      attempts: number
      wait: number
      code: string
      message: string
    }
  /** A round of a series is over, and so is the transfer: what changes next is waited for. */
  | { event: 'waiting'; id: string }
  /** At most twice a second. */
  | ({ event: 'progress'; id?: string } & Progress)
  /**
   * Of those that were skipped `there` stand there already; `leftOut` nobody asked for, of those that were not offered,
   * too.
   */
  | ({ event: 'completed'; there: number; leftOut: number } & Omit<TransferResult, 'files'>)
  | { event: 'error'; id?: string; code: string; message: string; exit: number; path?: string }
  /**
   * One line per file that `status` found in the journals of transfers, with the id of its transfer. `ranges` are the
   * bytes that stand in `part`, `changed` is when something of the transfer changed last.
   */
  | ({ event: 'unfinished'; id: string; part: string } & Pick<UnfinishedTransfer, 'owner' | 'changed'> &
      Pick<LeftFile, 'path' | 'size' | 'mtime' | 'state' | 'ranges'>)
  /**
   * One line per part, and per journal of parts, that `clean` and `recover` found; and per folder in which a transfer
   * is staged, with all that goes with it as `removed`, which `status` says as well.
   */
  | {
      event: 'leftover'
      path: string
      bytes: number
      state: 'part' | 'published' | 'kept' | 'journal'
      removed?: string[]
    }
  /**
   * One line per unfinished transaction that `recover` found. `intent` is its file in the folder, `paths` are those
   * that it changes, `removed` all that goes with it, `conflicts` those paths that somebody else has changed meanwhile.
   */
  | {
      event: 'transaction'
      id: string
      state: RecoveredTransaction['state']
      paths: string[]
      intent: string
      removed?: string[]
      conflicts?: string[]
      code?: string
    }
  /** One line per temporary file of a dead process that `recover` found. */
  | { event: 'orphan'; path: string }
  /** One line per folder that a file was about to replace: put back, or removed where the file has its name. */
  | { event: 'replaced'; path: string; state: 'restored' | 'removed' }
  /** What `write` wrote; `digest` is SHA-256 in hexadecimal digits. */
  | { event: 'written'; path: string; bytes: number; digest: string; backup?: string }
  /** One line per file that `receive --delete` has removed; `backup` is where it was moved to. */
  | { event: 'removed'; id: string; path: string; backup?: string }
  /** One line per transfer into a folder that is over, as `receive --history` has recorded it, from `status`. */
  | ({ event: 'past' } & Omit<RecordedTransfer, 'place'>)
  /** The public key of this user. */
  | { event: 'identity'; key: string; fingerprint: string }
  /**
   * One line per known peer, or the one that was added or changed; `addresses` is where it was reached, the last one
   * first. `allowed` is what it may bring in all, and the folder where that goes, `used` what has come of it.
   */
  | {
      event: 'peer'
      name: string
      key: string
      fingerprint: string
      addresses: string[]
      allowed?: Allowed
      used?: Amount
    }
  /** A peer was forgotten. */
  | { event: 'peer-removed'; name: string }
  /** The signature of a receipt holds; `signedBy` is the key of the receiver, `id` that of the transfer. */
  | { event: 'receipt'; id: string; begin: string; end: string; signedBy: string; fingerprint: string }
  /** One line per file of a receipt; `code` and `message` say why it is not equal. */
  | { event: 'verified'; path: string; status: VerifiedFile['status']; code?: string; message?: string }
  /** One line per entry of `send --dry-run`. */
  | { event: 'entry'; type: string; path: string; size: number | null }

/** An event as its line, safe to print. */
export function eventLine(event: CliEvent): string {
  return `${printableJson(JSON.stringify({ version: EVENTS_VERSION, ...event }))}\n`
}

/**
 * What an event says of an error or a warning, and of the transfer that it belongs to; its id is '' until it is known.
 */
export function said({ code, message, path }: SluiceError, id?: string) {
  const shown = path === undefined ? undefined : withoutTickets(path)
  return { id: id || undefined, code, message: withoutTickets(message), path: shown }
}
