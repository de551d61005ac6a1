import { randomBytes } from 'node:crypto'
import { SluiceError } from '../../errors.js'
import { createAtomicWriteStream } from '../atomic/atomic-stream.js'
import { writeConfig, writeFileAtomic, writeJson, writeYaml } from '../atomic/write-file.js'
import { checkChoice } from '../check-options.js'
import { checkFile } from '../content/check-file.js'
import { readFileRetry } from '../content/read-file.js'
import type { FileSystem } from '../fs.js'
import { DirectoryLock } from '../lock/directory-lock.js'
import { updateJson } from '../lock/update-json.js'
import { mergeConfig } from '../operations/merge-config.js'
import { removeBackups } from '../operations/remove-backups.js'
import type { Durability } from '../publish.js'
import { RecoveryManager } from '../recovery/manager.js'
import { rotateFile } from '../rotation/rotate-file.js'
import { removeOrphans } from '../temporary/remove-orphans.js'
import { renameAtomic } from '../temporary/rename-atomic.js'
import { FileTransaction } from '../transaction/file-transaction.js'
import { recoverTransactions } from '../transaction/recover.js'
import { type Audit, checkAudit } from './audit-record.js'
import { UNRECORDED } from './audited.js'
import { Recorder, type RecorderOptions } from './recorder.js'

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

type Act = (...args: never[]) => Promise<unknown>

/** An operation, and where among its arguments the path stands that is taken down, and the options. */
interface Operation<F extends Act> {
  act: F
  path: number
  options: number
}

function on<F extends Act>(act: F, path: number, options: number): Operation<F> {
  return { act, path, options }
}

/** Every operation with a path and options: one more is one more line. */
const OPERATIONS = {
  writeFileAtomic: on(writeFileAtomic, 0, 2),
  writeJson: on(writeJson, 0, 2),
  writeYaml: on(writeYaml, 0, 2),
  writeConfig: on(writeConfig, 0, 2),
  readFileRetry: on(readFileRetry, 0, 1),
  checkFile: on(checkFile, 0, 1),
  renameAtomic: on(renameAtomic, 0, 2),
  removeOrphans: on(removeOrphans, 0, 1),
  updateJson: on(updateJson, 0, 2),
  mergeConfig: on(mergeConfig, 1, 2),
  rotateFile: on(rotateFile, 0, 1),
  removeBackups: on(removeBackups, 0, 1),
  recoverTransactions: on(recoverTransactions, 0, 1),
  /** {@link DirectoryLock.acquire} */
  lock: on(DirectoryLock.acquire, 0, 1),
}

type Bound = { readonly [Name in keyof typeof OPERATIONS]: (typeof OPERATIONS)[Name]['act'] }

/** The operations of this module, bound to one trail, one file system and one durability. */
export interface FileOperations extends Bound {
  /** The record is written when the file has its name, or when it is clear that it never will. */
  createAtomicWriteStream: typeof createAtomicWriteStream
  /** {@link FileTransaction.begin}; the record is written when it ends. */
  transaction: typeof FileTransaction.begin
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
export function batch<T>(
  name: string,
  work: (operations: FileOperations) => T | Promise<T>,
  options: FileOperationsOptions = {},
): Promise<BatchResult<T>> {
  return fileOperations(options).batch(name, work)
}

function bind(options: FileOperationsOptions, recorder: Recorder): FileOperations {
  const { fs, durability } = options
  const common = { ...(fs && { fs }), ...(durability && { durability }) }
  const operations: [string, Operation<Act>][] = Object.entries(OPERATIONS)
  const bound = operations.map(([name, { act, path, options: at }]) => {
    const call = (...args: unknown[]) => {
      const given = Array.from({ length: Math.max(args.length, at + 1) }, (_, i) => args[i])
      // async: what is thrown at once is taken down, too
      const run = async (audit: Audit | undefined) => {
        given[at] = { ...withCommon(common, args[at]), audit }
        return act(...(given as never[]))
      }
      const own = auditOf(args[at])
      return own ? recorder.wait(run(own)) : recorder.run(name, args[path], () => run(UNRECORDED))
    }
    return [name, call] as const
  })
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
    ...(Object.fromEntries(bound) as unknown as Bound),
    createAtomicWriteStream(path, given) {
      const own = auditOf(given)
      if (own) return createAtomicWriteStream(path, { ...common, ...given })
      const take = (result: Promise<unknown>) => {
        recorder.run('createAtomicWriteStream', path, () => result).catch(() => {})
      }
      try {
        const stream = createAtomicWriteStream(path, { ...common, ...given, audit: UNRECORDED })
        take(stream.result)
        return stream
      } catch (error) {
        take(Promise.reject(error))
        throw error
      }
    },
    transaction: (directory, given) =>
      begin('transaction', directory, () =>
        FileTransaction.begin(directory, { ...common, audit: recorder, ...given }),
      ),
    recovery: (directory, given) =>
      begin('recovery', directory, () =>
        RecoveryManager.open(directory, { ...common, audit: recorder, ...given }),
      ),
    batch: (name, work) => runBatch(name, work, options, recorder),
  }
}

async function runBatch<T>(
  name: string,
  work: (operations: FileOperations) => T | Promise<T>,
  options: FileOperationsOptions,
  outer: Recorder,
): Promise<BatchResult<T>> {
  if (typeof name !== 'string' || name === '') {
    throw new SluiceError('ERR_USAGE', 'name must say what the batch is called', { found: name })
  }
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

/** The trail that a call asks for itself. */
function auditOf(given: unknown): Audit | undefined {
  return typeof given === 'object' && given !== null && 'audit' in given
    ? (given.audit as Audit | undefined)
    : undefined
}

function withCommon(common: object, given: unknown): object {
  if (given === undefined || (typeof given === 'object' && given !== null)) return { ...common, ...given }
  throw new SluiceError('ERR_USAGE', `options must be an object, not ${String(given)}`, { found: given })
}
