import { printable } from '../../../errors.js'
import type { KnownPeer } from '../../../peers/known-peers.js'
import { size } from '../../../terminal/text.js'
import { type Amount, filesAndFolders } from '../../../transfer/quota.js'
import type { Allowed } from '../../../transfers/allowed.js'

/** How much of each limit of a peer is used. */
export function usedOf({ bytes, files }: Allowed, used: Amount): string[] {
  return [
    ...(bytes === undefined ? [] : [`${size(used.bytes)} of ${size(bytes)}`]),
    ...(files === undefined ? [] : [`${used.files} of ${filesAndFolders(files)}`]),
  ]
}

/** What lets a peer bring more. */
export function moreFor({ name, allowed = {} }: KnownPeer): string {
  const { bytes, files } = allowed
  const limits = [
    ...(bytes === undefined ? [] : ['--max-bytes N']),
    ...(files === undefined ? [] : ['--max-files N']),
  ]
  const word = /^[\w.@-]+$/.test(name) ? name : `"${printable(name)}"`
  return `to take more from ${printable(name)}, run: sluice peers set ${word} ${limits.join(' ')}; or count anew with --reset`
}
