import { createHash, randomBytes } from 'node:crypto'
import { OWNER_TEXT, type Owner, ownerOfText, textOfOwner } from './owner.js'

const JOURNAL = /^[0-9a-f]{32}(\.[0-9a-f-]+)?\.journal$/
const OWNED = new RegExp(`^[0-9a-f]{32}\\.(${OWNER_TEXT})\\.journal$`)
const RELEASED = /^[0-9a-f]{32}\.0-[0-9a-f]+\.journal$/

/** Whether a file in our folder with this name is one of ours. */
export function isJournalName(name: string): boolean {
  return JOURNAL.test(name)
}

/** The `n`-th name for the journal of a transfer, from 0. */
export function journalName(transfer: string, n: number): string {
  const isId = /^[0-9a-f]{32}$/.test(transfer)
  const id = isId ? transfer : createHash('sha256').update(transfer).digest('hex').slice(0, 32)
  return n === 0 ? `${id}.journal` : `${id}.${n.toString(16)}.journal`
}

/** The name of a journal whose owner let go, but could not write that into it: a full disk still takes a name. */
export function releasedName(name: string): string {
  return `${name.slice(0, 32)}.0-${randomBytes(8).toString('hex')}.journal`
}

/** Whether {@link releasedName} made it: nobody owns that journal any more. */
export function isReleasedName(name: string): boolean {
  return RELEASED.test(name)
}

/** The name of a journal while it is being collected: says by whom, in the same step that takes it. */
export function nameOfOwner(name: string, owner: Owner): string {
  return `${name.slice(0, 32)}.${textOfOwner(owner)}.journal`
}

/** By whom it is being collected. */
export function ownerOfName(name: string): Owner | undefined {
  const [, owner] = OWNED.exec(name) ?? []
  return owner === undefined ? undefined : ownerOfText(owner)
}
