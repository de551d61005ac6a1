import { randomBytes } from 'node:crypto'
import { checkChoice, checkFunction, checkOption } from '../../options.js'
import { createAtomicWriteStream } from '../atomic/atomic-stream.js'
import { checkAudit } from '../audit/audit-record.js'
import { UNRECORDED } from '../audit/audited.js'
import { Recorder, type RecorderOptions } from '../audit/recorder.js'
import type { FileSystem } from '../disk/fs.js'
import { tempPath } from '../own/temporary-name.js'
import type { Durability } from '../publish/publish.js'
import { RecoveryManager } from '../restore/recovery-manager.js'
import { FileTransaction } from '../transaction/file-transaction.js'
import { Binding, type Bound } from './binding.js'

/** Options of {@link fileOperations}. */
export interface FileOperationsOptions extends RecorderOptions {
  fs?: FileSystem
  durability?: Durability
}

/** What {@link FileOperations.batch} gives back. */
export interface BatchResult<T> {
  name: string
  /** Random; stands in the metadata of each record of the batch. */
  id: string
  /** What the function gave. */
  value: T
  /** Operations that were done, and those of them that failed. */
  ran: number
  failed: number
}

/** The operations of this module, bound to one trail, one file system and one durability. */
export interface FileOperations extends Bound {
  /** The record is written when the file has its name, or when it is clear that it never will. */
  createAtomicWriteStream: typeof createAtomicWriteStream
  /** {@link FileTransaction.begin}; the record is written when it ends. */
  transaction: typeof FileTransaction.begin
  /** As it is: it touches no disk, and leaves no record. */
  tempPath: typeof tempPath
  /** {@link RecoveryManager.open}; a record is written for each point that is undone, or is not. */
  recovery: typeof RecoveryManager.open
  /**
   * Does what `work` does with the operations that it is given, under one name and one id in the audit
   * (`metadata.batch`), and counts. It is not a transaction: what was done before a failure stays done (for all or
   * nothing there is `FileTransaction`). Waits also for operations that `work` did not wait for. What `work` throws
   * comes out as it is; the record of the batch, with the numbers, is written nevertheless.
   */
  batch<T>(name: string, work: (operations: FileOperations) => T | Promise<T>): Promise<BatchResult<T>>
}

/**
 * All operations of `sluice/files`, bound: each call gets `fs`, `durability` and `audit`, unless it says otherwise
 * itself, and leaves one record, with its name, path, duration and, if it failed, its code. Without `audit` it is the
 * default trail of the process ({@link setDefaultAudit}), without that one nothing is taken down. A record that cannot
 * be written does not make its operation fail; `onAuditError` is told. `ERR_USAGE` for options that are wrong.
 */
export function fileOperations(options: FileOperationsOptions = {}): FileOperations {
  checkChoice('durability', options.durability, ['crash', 'power'])
  checkAudit(options.audit)
  return bind(options, new Recorder(options))
}

/** {@link FileOperations.batch} of operations that are bound just for it. */
export async function batch<T>(
  name: string,
  work: (operations: FileOperations) => T | Promise<T>,
  options: FileOperationsOptions = {},
): Promise<BatchResult<T>> {
  return fileOperations(options).batch(name, work)
}

function bind(options: FileOperationsOptions, recorder: Recorder): FileOperations {
  const binding = new Binding(options, recorder)
  /** What takes itself down when it ends; but what did not begin does not end. */
  const begin = async <T>(name: string, directory: string, act: () => Promise<T>): Promise<T> => {
    try {
      return await act()
    } catch (error) {
      await recorder.run(name, directory, () => Promise.reject(error)).catch(() => {})
      throw error
    }
  }
  return {
    ...binding.operations(),
    createAtomicWriteStream(path, given) {
      const own = given?.audit
      if (own) return createAtomicWriteStream(path, binding.options(given))
      const take = (result: Promise<unknown>) => {
        recorder.run('createAtomicWriteStream', path, () => result).catch(() => {})
      }
      try {
        const stream = createAtomicWriteStream(path, { ...binding.options(given), audit: UNRECORDED })
        take(stream.result)
        return stream
      } catch (error) {
        take(Promise.reject(error))
        throw error
      }
    },
    transaction: (directory, given) =>
      begin('transaction', directory, async () =>
        FileTransaction.begin(directory, { audit: recorder, ...binding.options(given) }),
      ),
    recovery: (directory, given) =>
      begin('recovery', directory, async () =>
        RecoveryManager.open(directory, { audit: recorder, ...binding.options(given) }),
      ),
    tempPath,
    batch: (name, work) => runBatch(name, work, options, recorder),
  }
}

async function runBatch<T>(
  name: string,
  work: (operations: FileOperations) => T | Promise<T>,
  options: FileOperationsOptions,
  outer: Recorder,
): Promise<BatchResult<T>> {
  checkOption('name', name, typeof name === 'string' && name !== '', 'a text that names the batch')
  checkFunction('work', work)
  const id = randomBytes(8).toString('hex')
  const inner = new Recorder(options, { name, id })
  const act = async () => {
    try {
      return await work(bind(options, inner))
    } finally {
      await inner.settled()
    }
  }
  const more = () => ({ id, ran: inner.ran, failed: inner.failed })
  const value = await outer.run('batch', name, act, more)
  return { name, id, value, ran: inner.ran, failed: inner.failed }
}
