import { counted, printable } from '../../errors.js'
import { size } from '../../terminal/text.js'
import type { Transfer } from '../../transfer/transfer.js'
import { outcomesOf } from '../../wire/outcome.js'

/** Tells people who asked for it (`--verbose`) what happens inside of a transfer: each state, and each outcome. */
export function watchInside(transfer: Transfer, tell: (line: string) => void): void {
  let isPlanTold = false
  transfer.on('state', (state) => tell(`transfer ${transfer.id || '(no id yet)'}: ${state}`))
  transfer.on('progress', ({ totalFiles, totalBytes }) => {
    if (isPlanTold || totalFiles === 0) return
    isPlanTold = true
    const bytes = totalBytes === null ? 'of unknown size' : size(totalBytes)
    tell(`wanted: ${counted(totalFiles, 'entry', 'entries')}, ${bytes}`)
  })
  transfer.on('settled', (range, entries) => {
    for (const { path, status, name, reason } of outcomesOf(range, entries)) {
      const as = name === undefined ? '' : ` as ${printable(name)}`
      tell(`${status}: ${printable(path)}${as}${reason === undefined ? '' : ` (${reason})`}`)
    }
  })
}
