import { counted, printable, SluiceError } from '../../errors.js'
import { readFileRetry } from '../../files/content/read-file.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { existingIdentity } from '../../peers/identity.js'
import { fingerprint, isKey, parseKey, sameKey, showKey } from '../../peers/keys.js'
import { KnownPeers } from '../../peers/known-peers.js'
import { readReceipt } from '../../peers/receipt.js'
import { type VerifiedFile, verifyReceipt } from '../../peers/verify-receipt.js'
import { quoted } from '../../terminal/text.js'
import { knownPeer } from '../network/entrance.js'
import type { Context } from '../ui/context.js'
import { openFolder } from './leftovers.js'

/** The file system of this command. */
const fs = commandFileSystem

/**
 * `sluice verify`: checks the signature of a receipt, who has signed it, and the files in a folder; a row for each
 * file. It fails, too, where a file failed at the receiver, or there is nothing to compare.
 */
export async function verifyCommand(
  file: string,
  dir: string,
  flags: { by?: string },
  { reporter, signal }: Context,
): Promise<void> {
  const receipt = await readReceipt(await readFileRetry(file, { encoding: 'utf8', fs, signal }), file)
  // one that is not there is a mistake of the command, and no difference of the files
  await (await openFolder(dir)).close()
  const { receiver, id, begin, end } = receipt
  const signer = await nameOf(receiver)
  if (flags.by !== undefined && !sameKey(await keyOf(flags.by), receiver)) {
    const message = `${printable(file)} was signed by ${signer ?? 'somebody else'} (${fingerprint(receiver)}), not by ${quoted(flags.by, 100)}`
    throw new SluiceError('ERR_IDENTITY', message)
  }
  const times = { begin: new Date(begin).toISOString(), end: new Date(end).toISOString() }
  const [key, print] = [showKey(receiver), fingerprint(receiver)]
  reporter.event({ event: 'receipt', id, ...times, signedBy: key, fingerprint: print })
  const counts = { equal: 0, differs: 0, missing: 0, unchecked: 0 }
  let first: VerifiedFile | undefined
  for await (const one of verifyReceipt(receipt, dir, { fs, signal })) {
    const { path, status, error } = one
    counts[status]++
    if (status === 'differs' || status === 'missing') first ??= one
    const why = error && { code: error.code, message: error.message }
    reporter.result({ event: 'verified', path, status, ...why }, `${status.padEnd(9)}  ${printable(path)}`)
  }
  reporter.note(`signed at ${times.end} by ${signer ?? UNKNOWN} (${print})`)
  const { equal, differs, missing, unchecked } = counts
  const failed = receipt.files.filter(({ status }) => status === 'failed')
  const others = unchecked - failed.length
  const rest = [
    ...(failed.length > 0 ? [`, ${failed.length} that failed there`] : []),
    ...(others > 0 ? [`, ${others} not checked, since they were not received`] : []),
    ...(signer === undefined && flags.by === undefined
      ? [`, says ${UNKNOWN}; --by KEY makes sure who it was`]
      : []),
  ].join('')
  reporter.note(`${counted(equal, 'file')} as received, ${differs} different, ${missing} missing${rest}`)
  if (first) {
    const message = `${counted(differs + missing, 'file')} not as received; the first: ${first.error!.message}`
    throw new SluiceError('ERR_DIGEST', message, { path: first.path })
  }
  const [one] = failed
  if (one) {
    const message = `${counted(failed.length, 'file')} failed at the receiver, as the receipt says; the first: ${printable(one.path)}`
    throw new SluiceError('ERR_FILES_FAILED', message, { path: one.path })
  }
  if (equal === 0)
    throw new SluiceError(
      'ERR_FILES_FAILED',
      'nothing could be compared: the receipt has no digest of any file',
    )
}

const UNKNOWN = 'a peer that is not known here'

/** What a key is called here; undefined if it is not known. */
async function nameOf(key: Uint8Array): Promise<string | undefined> {
  const own = await existingIdentity({ fs })
  if (own && sameKey(own.publicKey, key)) return 'you'
  const peer = await new KnownPeers({ fs }).findByKey(key)
  return peer && quoted(peer.name)
}

/** The key of a known peer, or the one that is given. */
async function keyOf(by: string): Promise<Uint8Array> {
  if (isKey(by)) return parseKey(by)
  return (await knownPeer(new KnownPeers({ fs }), by, 'neither a key nor a known peer')).key
}
