import { type Code, fileCodeOf } from '../errors.js'
import type { Packed } from './msgpack.js'
import { ENTRY_TYPES, FILE_ONCE } from './schemas.js'

/**
 * One file, folder or link of a manifest. `start` is computed by both sides and never sent.
 *
 * An entry that is 'unreadable' is something that was to be sent and cannot be: a folder without permission, a name
 * that is no text, what vanished while it was listed. It is offered so that both sides know of it: it never travels,
 * and its outcome is failed. Its path is for people, and leads nowhere.
 */
export interface Entry {
  /** Its number in the transfer, from 0. */
  index: number
  type: 'file' | 'directory' | 'symlink' | 'unreadable'
  /** POSIX, relative, without `.` and `..`; valid UTF-8. */
  path: string
  /** Bytes; `null` if it is not known beforehand (only the last entry of an offer). 0 for folders and links. */
  size: number | null
  /** Its first byte in the stream of the whole transfer. */
  start: number
  /** Whole milliseconds since 1970. */
  mtime: number
  /** Permission bits, 0 to 0o777; `null` if nobody chose any: then it gets what the umask of the receiver leaves. */
  mode: number | null
  /** Where a symbolic link points to. */
  target?: string
  /** Why it is unreadable. */
  code?: Code
  /** A file that its sender can read only once: nothing of it is proved, or asked for again. */
  once?: boolean
}

/** An entry as it is sent: without what both sides compute. */
export type WireEntry = Pick<Entry, 'type' | 'path' | 'size' | 'mtime' | 'mode' | 'target' | 'code' | 'once'>

/** What is offered at once: the first offer of a transfer, or files attached to it. */
export interface Offer {
  /** 32 hexadecimal digits; the same in every offer of one transfer. */
  id: string
  /** A short name for people. */
  name: string
  /** Hash algorithm of every digest: `sha256`, `blake3`, or one of `crypto.getHashes()`. */
  algorithm: string
  /** Index of the first entry: 0, or the number of entries offered before. */
  first: number
  /** Position of the first byte: 0, or the total of the offers before. */
  position: number
  /** Whether more may be attached behind it. */
  open?: true
  /** Sum of the known sizes in bytes. */
  bytes: number
  entries: Entry[]
}

/** An offer as it is announced, before its entries: how much it is may not be known yet. */
export type OfferMessage = Pick<Offer, 'id' | 'name' | 'algorithm' | 'open'>

/** What is said of an offer behind all of its entries. */
export interface OfferEnd {
  /** How many entries it has. */
  count: number
  /** Sum of the known sizes in bytes. */
  bytes: number
  /** Of the payloads of all messages that said it, but for the one that this is in. */
  digest: Buffer
}

/** An entry as it stands in a message. */
export type EntryTuple = [
  type: number,
  path: string,
  size: number | null,
  mtime: number,
  mode: number | null,
  more?: string,
]

export function entryTuple({ type, path, size, mtime, mode, target, code, once }: WireEntry): Packed[] {
  const tuple: Packed[] = [once ? FILE_ONCE : ENTRY_TYPES.indexOf(type), path, size, mtime, mode]
  const more = target ?? code
  if (more !== undefined) tuple.push(more)
  return tuple
}

export function entryOf([number, path, size, mtime, mode, more]: EntryTuple): WireEntry {
  const type = ENTRY_TYPES[number] ?? 'file'
  const entry: WireEntry = { type, path, size, mtime, mode }
  if (number === FILE_ONCE) entry.once = true
  if (more === undefined) return entry
  if (type === 'unreadable') entry.code = fileCodeOf(more)
  else entry.target = more
  return entry
}
