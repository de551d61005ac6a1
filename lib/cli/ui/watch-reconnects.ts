import { duration } from '../../terminal/text.js'
import type { Reconnecting } from '../../transfer/lifecycle.js'
import type { Transfer } from '../../transfer/transfer.js'
import { type CliEvent, said } from './events.js'
import type { Screen } from './live/screen.js'

const AWAITED = 'connection lost; waiting for the sender to come back'

/**
 * Tells when the other side of a transfer is not heard any more, and when the connection is lost and it may go on over
 * another one: as an event, and as a line for people.
 */
export function watchLost(
  transfer: Transfer,
  screen: Screen,
  tell: (event: CliEvent) => void,
  note: (line: string) => void,
): void {
  const show = (line: string) => (screen.isLive ? screen.show(transfer, () => [line]) : note(line))
  // beside what is shown of its state
  const silence = {}
  const end = () => screen.over(silence)
  const peer = transfer.direction === 'send' ? 'receiver' : 'sender'
  transfer.on('silent', (isSilent) => {
    tell({ event: 'silent', id: transfer.id, silent: isSilent })
    if (!screen.isLive) note(isSilent ? silentText(peer) : `the ${peer} is back`)
    else if (isSilent) screen.show(silence, () => [silentText(peer)])
    else end()
  })
  transfer.finished.then(end, end)
  transfer.on('state', (state) => {
    if (state === 'interrupted') end()
    if (state === 'interrupted' && !transfer.isOver && transfer.direction === 'receive') show(AWAITED)
  })
  transfer.on('reconnecting', ({ error, ...attempt }) => {
    tell({ event: 'reconnecting', ...said(error, transfer.id), ...attempt })
    show(retryText(attempt))
  })
}

function silentText(peer: string): string {
  return `nothing comes from the ${peer} any more; waiting for it`
}

/** What people read of an attempt to make another connection. */
export function retryText({ attempt, attempts, wait }: Omit<Reconnecting, 'error'>): string {
  return `connection lost, trying again in ${duration(Math.max(1000, wait))} (${attempt} of ${attempts})`
}
