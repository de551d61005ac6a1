import { randomBytes } from 'node:crypto'
import { checkChoice, checkFunction, checkKeys, checkObject, checkOption } from '../../options.js'
import { createAtomicWriteStream } from '../atomic/atomic-stream.js'
import { removeBackups } from '../atomic/remove-backups.js'
import { renameAtomic } from '../atomic/rename-atomic.js'
import { writeConfig, writeFileAtomic, writeJson, writeYaml } from '../atomic/write-file.js'
import { checkAudit } from '../audit/audit-record.js'
import { type Audited, Recorder, type RecorderOptions, UNRECORDED } from '../audit/recorder.js'
import { mergeConfig } from '../config/merge-config.js'
import { readConfig, readJson, readYaml } from '../config/read-config.js'
import { updateJson, updateYaml } from '../config/update.js'
import { checkFile } from '../content/check-file.js'
import { readFileRetry } from '../content/read-file.js'
import type { FileSystem } from '../disk/fs.js'
import type { PathLike } from '../disk/names.js'
import { removeOrphans } from '../intent/remove-orphans.js'
import { FolderLock } from '../lock/folder-lock.js'
import { tempPath } from '../own/temporary-name.js'
import type { Durability } from '../publish/publish.js'
import { RecoveryManager } from '../restore/recovery-manager.js'
import { restoreBackup } from '../restore/restore-backup.js'
import { rotateFile } from '../rotation/rotate-file.js'
import { FileTransaction } from '../transaction/file-transaction.js'
import { recoverTransactions } from '../transaction/recover.js'

/** What all operations have in common, as far as they take it. */
type Common = 'fs' | 'durability'

/**
 * An operation, the positions of two arguments (the path that is recorded, and the options), and which of the common
 * options it takes.
 */
type Operation = readonly [
  act: (...args: never[]) => Promise<unknown>,
  path: number,
  options: number,
  takes: readonly Common[],
]

const READING = ['fs'] as const
const WRITING = ['fs', 'durability'] as const

/** Every operation with a path and options. A new operation is one more line. */
const OPERATIONS = {
  writeFileAtomic: [writeFileAtomic, 0, 2, WRITING],
  writeJson: [writeJson, 0, 2, WRITING],
  writeYaml: [writeYaml, 0, 2, WRITING],
  writeConfig: [writeConfig, 0, 2, WRITING],
  readFileRetry: [readFileRetry, 0, 1, READING],
  readJson: [readJson, 0, 1, READING],
  readYaml: [readYaml, 0, 1, READING],
  readConfig: [readConfig, 0, 1, READING],
  checkFile: [checkFile, 0, 1, READING],
  renameAtomic: [renameAtomic, 0, 2, WRITING],
  removeOrphans: [removeOrphans, 0, 1, READING],
  updateJson: [updateJson, 0, 2, WRITING],
  updateYaml: [updateYaml, 0, 2, WRITING],
  mergeConfig: [mergeConfig, 1, 2, WRITING],
  rotateFile: [rotateFile, 0, 1, WRITING],
  removeBackups: [removeBackups, 0, 1, READING],
  restoreBackup: [restoreBackup, 0, 1, WRITING],
  recoverTransactions: [recoverTransactions, 0, 1, READING],
  /** {@link FolderLock.acquire} */
  lock: [FolderLock.acquire, 0, 1, READING],
  /** {@link FolderLock.tryAcquire} */
  tryLock: [FolderLock.tryAcquire, 0, 1, READING],
} as const satisfies Record<string, Operation>

/** The operations of the table, with the same signatures. */
type Bound = { readonly [Name in keyof typeof OPERATIONS]: (typeof OPERATIONS)[Name][0] }

/** Options of {@link fileOperations}. */
export interface FileOperationsOptions extends RecorderOptions {
  fs?: FileSystem
  durability?: Durability
}

/** The result of {@link FileOperations.batch}. */
export interface BatchResult<T> {
  name: string
  /** A random id that is in the metadata of each record of the batch. */
  id: string
  /** What `work` returned. */
  value: T
  /** How many operations ran, and how many of them failed. */
  ran: number
  failed: number
}

/** The operations of this module, bound to one trail, one file system and one durability. */
export interface FileOperations extends Bound {
  /** Its record is written when the file has its name, or the stream has failed. */
  createAtomicWriteStream: typeof createAtomicWriteStream
  /** {@link FileTransaction.begin}; its record is written when the transaction ends. */
  transaction: typeof FileTransaction.begin
  /** Not bound: it touches no disk, and leaves no record. */
  tempPath: typeof tempPath
  /** {@link RecoveryManager.open}; a record is written for each point that is undone, or is not. */
  recovery: typeof RecoveryManager.open
  /**
   * Calls `work` with operations that are recorded under one name and one id (`metadata.batch`) and counted. It is
   * not a transaction: what was done before a failure stays done (use `FileTransaction` for all or nothing). Also
   * waits for operations that `work` did not await. What `work` throws is passed on unchanged, after the record of
   * the batch was written.
   */
  batch<T>(name: string, work: (operations: FileOperations) => T | Promise<T>): Promise<BatchResult<T>>
}

/**
 * All operations of `sluice/files` with common options: each call gets `fs`, `durability` and `audit` unless it sets
 * them itself, and leaves one record with its name, path, duration and, if it failed, its code. Without `audit` the
 * default trail of the process is used ({@link setDefaultAudit}); without that nothing is recorded. If a record
 * cannot be written, the operation does not fail; `onAuditError` is called. `ERR_USAGE` for wrong options.
 */
export function fileOperations(options: FileOperationsOptions = {}): FileOperations {
  checkKeys('options', options, {
    audit: true,
    onAuditError: true,
    clock: true,
    fs: true,
    durability: true,
  })
  checkChoice('durability', options.durability, ['crash', 'power'])
  checkAudit(options.audit)
  return bind(options, new Recorder(options))
}

/** {@link FileOperations.batch} with operations that are bound for this call only. */
export async function batch<T>(
  name: string,
  work: (operations: FileOperations) => T | Promise<T>,
  options: FileOperationsOptions = {},
): Promise<BatchResult<T>> {
  return fileOperations(options).batch(name, work)
}

function bind(options: FileOperationsOptions, recorder: Recorder): FileOperations {
  const { fs, durability } = options
  const adding = addingTo({ fs, durability })
  /** For operations that record themselves when they end: records here only that one could not begin. */
  const begin = async <T>(name: string, folder: PathLike, act: () => Promise<T>): Promise<T> => {
    try {
      return await act()
    } catch (error) {
      await recorder.run(name, folder, () => Promise.reject(error)).catch(() => {})
      throw error
    }
  }
  return {
    ...boundOperations(adding, recorder),
    createAtomicWriteStream(path, given) {
      if (given?.audit) return createAtomicWriteStream(path, adding(given))
      const begin = () => createAtomicWriteStream(path, { ...adding(given), audit: UNRECORDED })
      return recorder.watch('createAtomicWriteStream', path, begin)
    },
    transaction: (folder, given) =>
      begin('transaction', folder, async () =>
        FileTransaction.begin(folder, { audit: recorder, ...adding(given) }),
      ),
    recovery: (folder, given) =>
      begin('recovery', folder, async () =>
        RecoveryManager.open(folder, { audit: recorder, ...adding(given) }),
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

/**
 * Adds the options that all calls have in common to those of one call, if that takes them. One that is undefined counts
 * as not set.
 */
function addingTo(
  common: Pick<FileOperationsOptions, Common>,
): <T extends object>(given: T | undefined, takes?: readonly Common[]) => T {
  return <T extends object>(given: T | undefined, takes: readonly Common[] = WRITING) => {
    if (given !== undefined) checkObject('options', given)
    const added = Object.fromEntries(takes.map((name) => [name, common[name]]))
    return { ...said(added), ...said(given ?? {}) } as T
  }
}

/** All operations of the table, with common options, and recorded. */
function boundOperations(adding: ReturnType<typeof addingTo>, recorder: Recorder): Bound {
  const bind = (name: string, [act, path, at, takes]: Operation) => {
    return async (...args: unknown[]) => {
      const given = args[at] as Audited | undefined
      // async, so that an error that is thrown synchronously is recorded, too
      const run = async (more: Audited) => {
        const all = Array.from({ length: Math.max(args.length, at + 1) }, (_, i) => args[i])
        all[at] = { ...adding(given, takes), ...more }
        return act(...(all as never[]))
      }
      // with a trail of its own the operation records itself
      if (given?.audit) return recorder.wait(run({}))
      return recorder.run(name, args[path], () => run({ audit: UNRECORDED }))
    }
  }
  return Object.fromEntries(
    Object.entries(OPERATIONS).map(([name, one]) => [name, bind(name, one)]),
  ) as unknown as Bound
}

function said(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
