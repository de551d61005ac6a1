import { constants } from 'node:os'
import { Limiter } from '../../../async.js'
import { loadLibc } from './libc.js'

// The access list as Linux stores it with a file (see acl(5), and posix_acl_xattr.h of the kernel): a number of its
// format, and entries of eight bytes, all little-endian: what it is for, its rights, and the number of a user or group.

const ATTRIBUTE = 'system.posix_acl_access'
const FORMAT = 2
const HEAD_BYTES = 4
const ENTRY_BYTES = 8

/** What the entries are for that are told; those of the owner, of all others and of the mask are in the mode, too. */
const KINDS = new Map([
  [0x02, 'user'],
  [0x04, 'group'],
  [0x08, 'group'],
])
const OWN_GROUP = 0x04
const MASK = 0x10

/** A list of up to a hundred entries is read by the first call; no attribute has more bytes than the second takes. */
const SIZES = [1024, 64 * 1024]

/** Errors that say that there is none: the file has no such attribute, or the disk has not. */
const NONE = new Set([-constants.errno.ENODATA, -constants.errno.EOPNOTSUPP])
const TOO_LONG = -constants.errno.ERANGE

/** So many are asked about at once. */
const asking = new Limiter(16)

/**
 * The access list of a file, as `FileSystem.accessList` gives it; null if it has none, undefined where that cannot be
 * told in this way.
 */
export function storedList(file: string | number): Promise<string | null | undefined> {
  const libc = loadLibc()
  if (!libc || (typeof file === 'string' && file.includes('\0'))) return Promise.resolve(undefined)
  return asking.run(async () => {
    for (const size of SIZES) {
      const bytes = Buffer.alloc(size)
      // it fails where the package has no thread for it
      const length = await libc.attribute(file, ATTRIBUTE, bytes).catch(() => -constants.errno.EAGAIN)
      if (NONE.has(length)) return null
      if (length !== TOO_LONG) return length < 0 ? undefined : parseList(bytes.subarray(0, length))
    }
    return undefined
  })
}

/** The same for the bytes of the attribute. */
export function parseList(bytes: Buffer): string | null | undefined {
  const isWhole = bytes.length >= HEAD_BYTES && (bytes.length - HEAD_BYTES) % ENTRY_BYTES === 0
  if (!isWhole || bytes.readUInt32LE(0) !== FORMAT) return undefined
  const entries: string[] = []
  let hasMask = false
  for (let at = HEAD_BYTES; at < bytes.length; at += ENTRY_BYTES) {
    const tag = bytes.readUInt16LE(at)
    const kind = KINDS.get(tag)
    hasMask ||= tag === MASK
    if (!kind) continue
    const id = tag === OWN_GROUP ? '' : bytes.readUInt32LE(at + 4)
    entries.push(`${kind}:${id}:${textOfRights(bytes.readUInt16LE(at + 2))}`)
  }
  // without a mask nobody is named: the mode says all
  return hasMask ? entries.join(' ') : null
}

function textOfRights(rights: number): string {
  return [...'rwx'].map((letter, i) => ((rights & (4 >> i)) === 0 ? '-' : letter)).join('')
}
