import { type Code, counted, printable, type SluiceError } from '../../../errors.js'
import { isReservedName } from '../../../files/own/reserved.js'
import { shownPath, size } from '../../../terminal/text.js'
import type { Progress } from '../../../transfer/progress.js'
import { failureOf, type Outcome } from '../../../wire/outcome.js'
import { fileCounts } from '../live/progress.js'
import type { Tally } from './tally.js'

/** What a transfer moved, and for how long it ran, in milliseconds. */
export interface Numbers {
  bytes: number
  resumedBytes?: number
  took: number
}

/** What got another name, and which links were not made, and why. */
export function noteLines(tally: Tally): string[] {
  return [...renamedLines(tally), ...linkLines(tally)]
}

/** A sender is told that the receiver left a link out, and not why. */
const UNTOLD = 'the receiver did not make the link'

function linkLines({ links, linksLeft }: Tally): string[] {
  if (linksLeft === 0) return []
  const lines = links.map(({ entry, error = failureOf(entry, 'ERR_SKIPPED', UNTOLD) }) => error.message)
  if (linksLeft > links.length) lines.push(`and ${counted(linksLeft - links.length, 'more link')}`)
  return [
    ...lines.map((line) => `left out: ${line}`),
    '--links at the receiver makes those links that stay inside',
  ]
}

const BY_POLICY = 'what becomes of a name that is taken is said by --conflict at the receiver'

function renamedLines({ renamed, renamedCount }: Tally): string[] {
  const lines = renamed.map(renamedLine)
  if (renamedCount > renamed.length)
    lines.push(`and ${renamedCount - renamed.length} more have other names; --log FILE keeps all of them`)
  if (renamed.some((one) => one.status === 'published' && !isOurs(one))) lines.push(BY_POLICY)
  return lines
}

function renamedLine(one: Outcome): string {
  const [path, name] = [printable(one.path), printable(one.name!)]
  if (one.status === 'skipped') return `${path}: it is there already, as ${name}`
  const why = isOurs(one) ? 'Sluice keeps such names for itself' : 'the name was taken'
  return `${path}: ${why}, so that it was saved as ${name}`
}

function isOurs({ path }: Outcome): boolean {
  return path.split('/').some(isReservedName)
}

/** Of fewer bytes, and in less time, in milliseconds, a rate says nothing. */
const LEAST_BYTES = 1000
const LEAST_TIME = 1000

/** What became of all, for people. `where` is the end of "2 files …". */
export function summaryOf(
  { published, names, others }: Tally,
  where: string,
  { bytes, resumedBytes = 0, took }: Numbers,
): string {
  const rate = bytes < LEAST_BYTES || took < LEAST_TIME ? '' : `, ${size((bytes / took) * 1000)}/s`
  const resumed = resumedBytes === 0 ? '' : `; ${size(resumedBytes)} were there`
  const what = published.count === 0 ? 'nothing new' : (names ?? published)
  const more = others === undefined ? '' : `; ${others}`
  return `${what} ${where} (${size(bytes)}${rate}${resumed})${more}`
}

/** How a transfer ends that may be run again for the rest. */
const INTERRUPTED = new Set<Code>(['ERR_INTERRUPTED', 'ERR_TRUNCATED', 'ERR_TIMEOUT', 'ERR_CANCELLED'])

/** What there was when a transfer was interrupted. `where` is the end of "2 files …": 'in inbox/', 'sent'. */
export interface Interrupted {
  where: string
  progress: Progress
  /** What a sender sent may not have arrived: it knows only how much is kept at most. */
  isSender?: boolean
  /** This side goes on to listen, so that only the other one has to be run again; no other line says why. */
  isOneOfMany?: boolean
  /** By which ticket they met, if by one: this side has printed it, or was given it. It is used up. */
  ticket?: 'printed' | 'given' | undefined
  /** What happened, as 'the stream ended'; by default the other side went away. */
  gone?: string
  /** This program is being stopped. */
  isStopped?: boolean
}

/** How a transfer is told; the others as in {@link Interrupted}. */
export interface WatchedTransfer extends Pick<Interrupted, 'where' | 'isOneOfMany' | 'ticket'> {
  /** How many are left out of the offer. */
  leftOut?: (() => number) | undefined
  /** It is one of a watch, and not the first. */
  isNext?: boolean
}

/** How it ended, what is there, and what to do; undefined where running it again is no way out. */
export function interruptedText(error: SluiceError, tally: Tally, at: Interrupted): string | undefined {
  if (!INTERRUPTED.has(error.code)) return undefined
  const { where, progress, isSender = false } = at
  const { published, there } = tally
  const whole = published.count === 0 ? 'no new whole file' : published
  const before = there.count === 0 ? '' : `, ${there} there already`
  const kept = keptOf(tally, progress)
  const unfinished = kept === '' ? '' : `; ${isSender ? 'up to ' : ''}${kept} kept`
  return `${howItEnded(error, at)} before the end; ${whole} ${where}${before}${unfinished}. ${whatToDo(at)}`
}

function howItEnded({ message, found }: SluiceError, at: Interrupted): string {
  const { isSender, isOneOfMany, isStopped, gone } = at
  if (isStopped) return 'stopped'
  if (gone !== undefined) return gone
  if (found === 'here') return 'cancelled'
  const peer = isSender ? 'receiver' : 'sender'
  if (found === 'by the peer') return `cancelled by the ${peer}`
  return `the ${peer} went away${isOneOfMany ? ` (${message})` : ''}`
}

function whatToDo({ isSender, isOneOfMany, isStopped, ticket }: Interrupted): string {
  if (isOneOfMany && !isStopped) return `Run the ${isSender ? 'receiver' : 'sender'} again for the rest`
  if (ticket === 'printed') return 'Run it again for the rest, and the other side with the new ticket'
  if (ticket === 'given')
    return 'Run it again for the rest, with a new ticket if the other side was started again'
  return 'Run the same commands again for the rest'
}

/** How much is there of files that have no outcome yet; '' if nothing is. A stream of unknown size begins anew. */
function keptOf(tally: Tally, progress: Progress): string {
  const { totalBytes, left, current } = progress
  if (totalBytes === null || left === null) return ''
  const there = totalBytes - left
  const bytes = there - tally.bytes
  if (bytes <= 0) return ''
  // what was there before may be whole files, which have no outcome until they were compared
  const which = there > progress.bytes ? 'unfinished or unchecked files' : 'unfinished files'
  // a sender reads ahead of what it says to be the present file
  const { ended, total } = fileCounts(progress)
  const isOne = total - ended === 1 || current?.bytes === bytes
  const isCurrent = isOne && current !== null && current.size !== current.bytes
  return `${size(bytes)} of ${isCurrent ? shownPath(current.path.split('/').at(-1)!, 30) : which}`
}
