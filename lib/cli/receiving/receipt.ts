import { dirname } from 'node:path'
import { isSluiceError, printable, SluiceError } from '../../errors.js'
import { writeFileAtomic } from '../../files/atomic/write-file.js'
import { errorCode } from '../../files/disk/disk-error.js'
import { localPath } from '../../files/disk/names.js'
import { commandFileSystem as fs } from '../../files/disk/node-fs.js'
import { lstatIfThere } from '../../files/disk/stats.js'
import { identity } from '../../peers/identity.js'
import { makeReceipt, receiptFiles } from '../../peers/receipt.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Offer } from '../../wire/entry.js'
import type { Outcome } from '../../wire/outcome.js'
import type { Caller } from '../network/entrance.js'
import type { Reporter } from '../ui/reporter.js'
import type { Companion } from './companions.js'

/**
 * Writes the file of `--receipt` when a transfer is over, also if files failed; not if it was rejected, or interrupted.
 * What can be wrong with the file is found before anything is transferred: `ERR_USAGE` if its name is taken, or its
 * folder is missing, and the codes of the identity.
 */
export async function receiptAt(path: string, reporter: Reporter): Promise<Companion> {
  const file = localPath('--receipt', path)
  const isFolder = await fs.stat(dirname(file)).then(
    (stats) => stats.isDirectory(),
    (error: unknown) => {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false
      throw error
    },
  )
  const refused = (why: string) => new SluiceError('ERR_USAGE', `--receipt: ${why}`, { path })
  if (!isFolder) throw refused(`the folder of ${printable(path)} does not exist`)
  if (await lstatIfThere(fs, file)) throw refused(`${printable(path)} exists already; give another name`)
  const receiver = await identity({ fs })
  /** The algorithm of each, and when it began, in milliseconds since 1970. */
  const offers = new WeakMap<Transfer, { algorithm: string; begin: number }>()
  return {
    offered({ algorithm }: Offer, transfer) {
      if (!offers.has(transfer)) offers.set(transfer, { algorithm, begin: Date.now() })
      return undefined
    },
    async attend(transfer, caller) {
      const { key: sender, handshakeHash } = proofOf(caller)
      const outcomes = await transfer.finished.then(
        (result) => result.files,
        (error) => (isSluiceError(error, 'ERR_FILES_FAILED') ? (error.outcomes as Outcome[]) : undefined),
      )
      if (!outcomes) return
      const { id } = transfer
      const { algorithm, begin } = offers.get(transfer)!
      const files = receiptFiles(outcomes)
      const said = { id, begin, end: Date.now(), algorithm, sender, handshakeHash, files }
      await writeFileAtomic(file, await makeReceipt(receiver, said), { fs, conflict: 'fail' })
      reporter.note(`receipt: ${printable(file)}`)
    },
  }
}

/** What is proved over the connection; throws `ERR_USAGE` if nothing is. */
export function proofOf({ key, handshakeHash }: Caller): { key: Uint8Array; handshakeHash: Uint8Array } {
  if (!key || !handshakeHash) throw withoutKey()
  return { key, handshakeHash }
}

/** `--receipt` names both keys, and over a plain connection none is proved. */
export function withoutKey(): SluiceError {
  const message = '--receipt is for tickets and known peers: over an address alone nobody proves a key'
  return new SluiceError('ERR_USAGE', message)
}
