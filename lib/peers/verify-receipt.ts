import { createDigest, prepareDigest } from '../digest/digests.js'
import { type Code, isSluiceError, printable, SluiceError } from '../errors.js'
import { digestFile } from '../files/disk/digest-file.js'
import { readError, systemCode } from '../files/disk/disk-error.js'
import type { FileSystem } from '../files/disk/fs.js'
import { checkName, nameOf, type PathLike, parentOf } from '../files/disk/names.js'
import { nodeFileSystem } from '../files/disk/node-fs.js'
import { withRegular } from '../files/disk/open-regular.js'
import { Tree } from '../files/tree/tree.js'
import { checkAbortSignal, checkKeys } from '../options.js'
import type { Receipt, ReceiptFile } from './receipt.js'

/** What {@link verifyReceipt} found of one file. */
export interface VerifiedFile {
  /** Its path in the folder. */
  path: string
  /**
   * 'equal': its content is what was received. 'differs': it is other content, or cannot be read. 'missing': there is
   * none. 'unchecked': the receipt does not say what it should be, since it was not received, or was there before.
   */
  status: 'equal' | 'differs' | 'missing' | 'unchecked'
  /** Why it is not equal. */
  error?: SluiceError
}

/** Options of {@link verifyReceipt}. */
export interface VerifyOptions {
  fs?: FileSystem
  /** Ends it with the reason of the signal. */
  signal?: AbortSignal
}

/**
 * Compares the files in a folder with a receipt; gives one result per file, in its order. No link is followed below the
 * folder. Throws `ERR_UNSUPPORTED` for an algorithm that this machine does not have, and as `Tree.open` for the folder.
 */
export async function* verifyReceipt(
  receipt: Receipt,
  dir: PathLike,
  options: VerifyOptions = {},
): AsyncGenerator<VerifiedFile, void, void> {
  checkKeys('options', options, { fs: true, signal: true })
  const { fs = nodeFileSystem, signal } = options
  checkAbortSignal('signal', signal)
  await prepareDigest(receipt.algorithm)
  const tree = await Tree.open(dir, { fs })
  try {
    for (const file of receipt.files) {
      signal?.throwIfAborted()
      yield await verifyFile(tree, file, receipt.algorithm, signal)
    }
  } finally {
    await tree.close()
  }
}

async function verifyFile(
  tree: Tree,
  file: ReceiptFile,
  algorithm: string,
  signal?: AbortSignal,
): Promise<VerifiedFile> {
  const { digest, size, status } = file
  const path = file.name ?? file.path
  if (status === 'failed' || digest === undefined) return { path, status: 'unchecked' }
  const differs = (code: Code, what: string): VerifiedFile => {
    const error = new SluiceError(code, `${printable(path)} ${what}`, { path, saysPath: true })
    return { path, status: 'differs', error }
  }
  const compare = (fd: number, found: number): Promise<VerifiedFile> | VerifiedFile => {
    if (size !== null && found !== size) return differs('ERR_DIGEST', `has ${found} bytes, not ${size}`)
    return digestFile(tree.fs, fd, createDigest(algorithm, size), signal).then((bytes) =>
      bytes.toString('hex') === digest
        ? { path, status: 'equal' }
        : differs('ERR_DIGEST', 'has other content than was received'),
    )
  }
  try {
    checkName(nameOf(path), tree.fs.platform, path)
    return await tree.within(parentOf(path), (folder) =>
      withRegular(tree.fs, folder.at(nameOf(path)), async (fd, stats) => compare(fd, stats.size)),
    )
  } catch (thrown) {
    signal?.throwIfAborted()
    const system = systemCode(thrown)
    const error = readError(system && isSluiceError(thrown) ? thrown.cause : thrown, path)
    return { path, status: system === 'ENOENT' ? 'missing' : 'differs', error }
  }
}
