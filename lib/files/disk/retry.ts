import { type Clock, pause, systemClock } from '../../clock.js'
import { isSluiceError } from '../../errors.js'
import { checkDuration, checkKeys, checkWhole, type Keys } from '../../options.js'
import { systemCode } from './disk-error.js'
import type { FileSystem } from './fs.js'

/** Whether the process, or the whole system, has no handle left (EMFILE, ENFILE, also as the cause). */
export function isOutOfHandles(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'EMFILE' || code === 'ENFILE'
}

/**
 * Calls `work` again as long as it fails because there is no handle left, and `wait` says that it is worth another try.
 * Every other error is passed on at once. What has failed must hold no handle.
 */
export async function retryWhileOut<T>(work: () => Promise<T>, wait: () => Promise<boolean>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isOutOfHandles(error) || !(await wait())) throw error
    }
  }
}

/** Milliseconds between two tries of {@link retryOpen}, and how many there are: 10 s in all. */
const RETRY_PAUSE = 20
const MOST_OPEN_TRIES = 500

/** {@link retryWhileOut} for 10 s, or until `signal` is aborted: where it is others who will close their files. */
export function retryOpen<T>(
  work: () => Promise<T>,
  { clock = systemClock, signal }: { clock?: Clock; signal?: AbortSignal } = {},
): Promise<T> {
  let tries = 1
  return retryWhileOut(work, async () => {
    if (tries++ === MOST_OPEN_TRIES || signal?.aborted) return false
    await new Promise<void>((resolve) => clock.after(RETRY_PAUSE, resolve))
    return true
  })
}

/** How often, and after which pauses, something is tried again that failed in a way that can pass. */
export interface RetryOptions {
  /** How many attempts are made in all. Default 5. */
  attempts?: number
  /** Milliseconds before the second attempt; doubled each time. Default 20. */
  delay?: number
  /** The longest pause between two attempts, in milliseconds. Default 1000. */
  maxDelay?: number
}

/** Their names. */
export const RETRY_OPTIONS: Keys<RetryOptions> = { attempts: true, delay: true, maxDelay: true }

/**
 * Checks the options: `ERR_USAGE`.
 * @param option their name; '' where they stand among other options, whose names are checked there
 */
export function checkRetry(option: string, retry: RetryOptions | undefined): void {
  if (retry === undefined) return
  if (option !== '') checkKeys(option, retry, RETRY_OPTIONS)
  const at = option === '' ? '' : `${option}.`
  checkWhole(`${at}attempts`, retry.attempts, 1)
  checkDuration(`${at}delay`, retry.delay)
  checkDuration(`${at}maxDelay`, retry.maxDelay)
}

/** Errors that can go away by themselves; that a file does not exist is none of them. */
const PASSING = new Set(['EBUSY', 'EAGAIN', 'EMFILE', 'ENFILE', 'EINTR'])

/** What Windows says of a file that a virus scanner or an indexer has open for a moment. */
export const HELD_OPEN = new Set(['EPERM', 'EACCES', 'EBUSY'])

/** Whether it is the failure of a sync: what was written before may be lost, although it can still be read. */
export function isFailedSync(error: unknown): boolean {
  const { syscall } = ((isSluiceError(error) ? error.cause : error) ?? {}) as NodeJS.ErrnoException
  return syscall === 'fsync'
}

/**
 * Whether a failure of the disk can go away by itself. Never that of a sync, whatever its code: a second one would
 * report success for data that is lost.
 */
export function canPass(error: unknown, { platform }: Pick<FileSystem, 'platform'>): boolean {
  const code = systemCode(error) ?? ''
  if (isFailedSync(error)) return false
  return PASSING.has(code) || (platform === 'win32' && HELD_OPEN.has(code))
}

/** The pause behind an attempt, counted from 1; returns at once if the signal is aborted. */
export function pauseAfter(
  attempt: number,
  { delay = 20, maxDelay = 1000 }: RetryOptions,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<void> {
  return pause(clock, Math.min(maxDelay, delay * 2 ** (attempt - 1)), signal)
}

/**
 * Calls `work` until it succeeds, or fails with what cannot pass, or has failed in all attempts; without `retry` once.
 */
export async function retrying<T>(
  work: () => Promise<T>,
  { retry, fs, clock, signal }: { retry?: RetryOptions; fs: FileSystem; clock: Clock; signal?: AbortSignal },
): Promise<T> {
  const { attempts = 5 } = retry ?? { attempts: 1 }
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt >= attempts || signal?.aborted || !canPass(error, fs)) throw error
    }
    await pauseAfter(attempt, retry!, clock, signal)
  }
}
