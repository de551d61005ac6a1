import { duration } from '../../terminal/text.js'
import type { Reconnecting } from '../../transfer/lifecycle.js'
import type { Transfer } from '../../transfer/transfer.js'
import { type CliEvent, said } from './events.js'
import type { Screen } from './live/screen.js'

const AWAITED = 'connection lost; waiting for the sender to come back'

/**
 * Tells when the connection of a transfer is lost that may go on over another one: as an event, and as a line for
 * people.
 */
export function watchLost(
  transfer: Transfer,
  screen: Screen,
  tell: (event: CliEvent) => void,
  note: (line: string) => void,
): void {
  const show = (line: string) => (screen.isLive ? screen.show(transfer, () => [line]) : note(line))
  transfer.on('state', (state) => {
    if (state === 'interrupted' && !transfer.isOver && transfer.direction === 'receive') show(AWAITED)
  })
  transfer.on('reconnecting', ({ error, ...attempt }) => {
    tell({ event: 'reconnecting', ...said(error, transfer.id), ...attempt })
    show(retryText(attempt))
  })
}

/** What people read of an attempt to make another connection. */
export function retryText({ attempt, attempts, wait }: Omit<Reconnecting, 'error'>): string {
  return `connection lost, trying again in ${duration(Math.max(1000, wait))} (${attempt} of ${attempts})`
}
