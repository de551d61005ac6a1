import { cryptoLength } from '../../digest/crypto-digest.js'
import { counted, printable, SluiceError } from '../../errors.js'
import {
  badOption,
  checkChoice,
  checkFlag,
  checkKeys,
  checkMode,
  checkOption,
  checkWhole,
  isBytes,
  type Keys,
} from '../../options.js'
import { checkReplaceable, type ModeMemory } from '../disk/attributes.js'
import type { FileIdentity, FileSystem } from '../disk/fs.js'
import type { Prefix } from '../journal/journal-records.js'
import { CONFLICTS, type Conflict, DURABILITIES, type Durability } from '../publish/policies.js'
import type { PublishOptions } from '../publish/publish.js'
import type { Tree } from '../tree/tree.js'

/** Where a part gets its folders from, and the budget that it shares with them. */
export type Folders = Pick<Tree, 'fs' | 'handles' | 'folder'>

/** What is said of a part when it begins. */
export interface BarePartOptions {
  /**
   * The name of the part file: none that Sluice itself uses (`ERR_PATH`), and another one than that of the file.
   * Default: `name.part`, or the next name that is free.
   */
  partName?: string
  /**
   * Continues the part file `partName`, whose first `offset` bytes are known to be right; what follows them is cut
   * off. Default: a new part file.
   */
  offset?: number
  /** Permission bits of the finished file. Default: what the umask leaves of 0o666. */
  mode?: number
  /** Time of last change of the finished file, in whole milliseconds. Default: when it was written. */
  mtime?: number
  /** 'power' syncs the content before the file gets its name. Default 'crash'. */
  durability?: Durability
  /** Shared by the parts of one place. */
  modes?: ModeMemory
  /** The part file exists, and other code of this process has written and sealed all of it. */
  written?: FileIdentity
  /** The part file exists, as this file and no other; it is gone on with as it is. */
  found?: FileIdentity
}

const PART_OPTIONS: Keys<PartFileOptions> = {
  partName: true,
  offset: true,
  mode: true,
  mtime: true,
  durability: true,
  modes: true,
  written: true,
  fs: true,
  makeParents: true,
  size: true,
  expected: true,
  algorithm: true,
  conflict: true,
  replaceReadOnly: true,
  attempts: true,
  prefix: true,
  journal: true,
}

/** Options of {@link PartFile.open}. */
export interface PartFileOptions extends Omit<BarePartOptions, 'found'> {
  /** Where a path is given instead of a tree. */
  fs?: FileSystem
  /** Make the folders above the file that are missing. Default true; without it a missing folder is an error. */
  makeParents?: boolean
  /**
   * The bytes of the whole file. Once they are all written, the part completes by itself: the write that brought the
   * last one resolves when the file has its name. One of no bytes is complete when it is opened.
   */
  size?: number
  /** The digest that the file must have before it gets its name: bytes, or hexadecimal digits. */
  expected?: Uint8Array | string
  /** The algorithm of {@link PartFileOptions.expected}, one of `crypto.getHashes()`. Default 'sha256'. */
  algorithm?: string
  /** What happens if something has the name of the file already. Default 'rename'. */
  conflict?: Conflict
  /**
   * Also replace a file that nobody may write to, as one of mode 0444; else that is `ERR_PERMISSION`. Default false.
   */
  replaceReadOnly?: boolean
  /**
   * How often the whole content may come, in all, until it has the digest that is expected. Each time that it has not,
   * the part is reset. Default 3.
   */
  attempts?: number
  /**
   * Continues the part file that an earlier process wrote, if what stands at its beginning has this digest
   * ({@link PartFile.prefix} told it). If it has not, or is not there, a new part begins: {@link PartFile.position}
   * says where to go on.
   */
  prefix?: Prefix
  /**
   * Keeps a journal in our folder `.sluice`, so that a later call finds by itself what was left of the file, proves it,
   * and goes on behind it. The rest is taken for the same file if `size`, `mtime` and `expected` are the same: give
   * what you know. What nobody comes back for is found by {@link collectLeftovers}. Default false.
   */
  journal?: boolean
}

/**
 * Options of {@link PartFile.complete}. `conflict`, `durability` and `expected` are those that it was opened with;
 * 'power' also serves a file that was opened with 'crash'.
 */
export interface CompleteOptions extends Partial<PublishOptions> {}

/**
 * Checks a position before the disk sees it: it may come from a peer.
 * @throws SluiceError `ERR_USAGE`
 */
export function checkPosition(option: string, position: unknown, length = 0): void {
  checkWhole(option, position ?? null, 0, Number.MAX_SAFE_INTEGER - length)
}

/** What is to be written as a list; else `ERR_USAGE`. */
export function buffersOf(bytes: Uint8Array | readonly Uint8Array[]): readonly Uint8Array[] {
  const buffers = isBytes(bytes) ? [bytes] : bytes
  const areBuffers = Array.isArray(buffers) && buffers.every((one) => isBytes(one))
  checkOption('bytes', buffers, areBuffers, 'a Uint8Array or a list of them')
  return buffers
}

/** How many bytes they are together. */
export function lengthOf(buffers: readonly Uint8Array[]): number {
  let length = 0
  for (const buffer of buffers) length += buffer.length
  return length
}

/** The algorithm of the digests where none was chosen. */
export const DEFAULT_ALGORITHM = 'sha256'

/** Checks the options of {@link PartFile.open}: `ERR_USAGE`, and `ERR_UNSUPPORTED` for the algorithm. */
export function checkPart(options: PartFileOptions): void {
  checkKeys('options', options, PART_OPTIONS)
  const { algorithm = DEFAULT_ALGORITHM, expected, prefix, offset } = options
  checkWhole('offset', offset, 0)
  checkMode('mode', options.mode)
  checkWhole('mtime', options.mtime, Number.MIN_SAFE_INTEGER)
  checkChoice('durability', options.durability, DURABILITIES)
  checkChoice('conflict', options.conflict, CONFLICTS)
  checkFlag('makeParents', options.makeParents)
  checkFlag('journal', options.journal)
  checkFlag('replaceReadOnly', options.replaceReadOnly)
  checkWhole('size', options.size, 0)
  const { size = Number.MAX_SAFE_INTEGER } = options
  if (offset !== undefined && offset > size) throw badOption('offset', `at most the size of ${size}`, offset)
  checkWhole('attempts', options.attempts, 1)
  const length = cryptoLength(algorithm)
  if (expected !== undefined) checkDigest('expected', expected, length)
  if (prefix !== undefined) {
    checkKeys('prefix', prefix, { offset: true, digest: true })
    checkWhole('prefix.offset', prefix.offset ?? null, 0)
    checkDigest('prefix.digest', prefix.digest, length)
  }
  const ways = [offset, prefix, options.journal || undefined].filter((way) => way !== undefined)
  if (ways.length > 1) throw badOption('the part', 'continued by one of offset, prefix and journal', ways)
}

/** Checks a digest: `ERR_USAGE` if it is none of that length. */
function checkDigest(option: string, digest: unknown, length: number): void {
  const isHex = typeof digest === 'string' && /^[0-9a-f]*$/i.test(digest) && digest.length === 2 * length
  const isRight = isHex || (isBytes(digest) && digest.length === length)
  checkOption(option, digest, isRight, `a digest of ${length} bytes, as bytes or hexadecimal digits`)
}

/** A digest as small hexadecimal digits. */
export function hexOf(digest: Uint8Array | string): string {
  return typeof digest === 'string' ? digest.toLowerCase() : Buffer.from(digest).toString('hex')
}

/** The error for content that is not what is expected, of which `left` more attempts are left. */
export function unexpected(
  details: { path: string; expected: string; found: string },
  left: number,
  attempts: number,
): SluiceError {
  const wayOut =
    left > 0
      ? `it was reset: send it again from its beginning (${counted(left, 'more attempt')})`
      : `it came ${counted(attempts, 'time')}, and was given up`
  const message = `the content of ${printable(details.path)} is not what is expected; ${wayOut}`
  return new SluiceError('ERR_DIGEST', message, details)
}

/**
 * What happens to what has the name of a finished file: one that nobody may write to stays, unless the options say so.
 */
export function policyOf(path: string, { conflict, replaceReadOnly }: PartFileOptions): CompleteOptions {
  return {
    ...(conflict && { conflict }),
    async replacing(there, replace) {
      checkReplaceable(path, there, replaceReadOnly)
      await replace()
      return true
    },
  }
}

/** The error for a file of `size` bytes of which only `there` were written. */
export function incomplete(path: string, size: number, there: number): SluiceError {
  const left = size - there
  const message = `${left} of the ${size} bytes of ${printable(path)} ${left === 1 ? 'is' : 'are'} missing: write the rest first`
  return new SluiceError('ERR_STATE', message, { path })
}
