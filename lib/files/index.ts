export * from './atomic/index.js'
export type { Audit, AuditEntry, AuditRecord } from './audit/audit-record.js'
export { AuditTrail, type AuditTrailOptions } from './audit/audit-trail.js'
export type { Audited } from './audit/audited.js'
export { getDefaultAudit, setDefaultAudit } from './audit/default-audit.js'
export {
  type BatchResult,
  batch,
  type FileOperations,
  type FileOperationsOptions,
  fileOperations,
} from './audit/file-operations.js'
export { type ReadAuditOptions, readAudit } from './audit/read-audit.js'
export { type AuditSummary, auditTable, type OperationSummary, summarizeAudit } from './audit/summary.js'
export * from './content/index.js'
export { type Clock, systemClock } from './disk/clock.js'
export type { Hasher } from './disk/digest-file.js'
export { diskError, errorCode, readError, SystemError } from './disk/disk-error.js'
export {
  blockingFileSystem,
  commandFileSystem,
  type FileStats,
  type FileSystem,
  makeFileSystem,
  nodeFileSystem,
  OPEN,
  openRegular,
  readFully,
  sameInode,
  syncDirectory,
  writeFully,
} from './disk/fs.js'
export { foldName, partName, suffixed } from './disk/names.js'
export type { FileSystemOptions } from './disk/node-fs.js'
export { type CollectOptions, collectLeftovers, type Leftover } from './journal/leftovers.js'
export type { UnfinishedFile } from './journal/read-journal.js'
export { DirectoryLock, type LockOptions } from './lock/directory-lock.js'
export type { Claimant, LockMode } from './lock/lock-names.js'
export { type Change, type Updated, type UpdateJsonOptions, updateJson } from './lock/update-json.js'
export type { Config, MergeRules } from './operations/merge.js'
export {
  type ConfigInput,
  type MergeConfigOptions,
  type Merged,
  mergeConfig,
} from './operations/merge-config.js'
export { type RemoveBackupsOptions, type RemovedBackups, removeBackups } from './operations/remove-backups.js'
export type { Owner, ProcessSystem } from './own/owner.js'
export { type CompleteOptions, PartFile, type PartFileOptions } from './part/part-file.js'
export {
  type Conflict,
  type Durability,
  type Published,
  type PublishOptions,
  publish,
  recoverPublish,
} from './publish/publish.js'
export { type Recovered, recoverReplaced, removeTree } from './publish/replace-directory.js'
export { RecoveryManager } from './recovery/manager.js'
export type { RecoveryManagerOptions, RecoveryOutcome } from './recovery/options.js'
export type { RecoveryPoint } from './recovery/point.js'
export type { RecoveryKind } from './recovery/record.js'
export { type RotateOptions, type Rotation, rotateFile } from './rotation/rotate-file.js'
export * from './temporary/index.js'
export type { TransactionResult } from './transaction/carry-out.js'
export { FileTransaction } from './transaction/file-transaction.js'
export type {
  TransactionCopyOptions,
  TransactionData,
  TransactionOptions,
  TransactionProgress,
  TransactionValueOptions,
  TransactionWriteOptions,
} from './transaction/options.js'
export { type RecoveredTransaction, type RecoverOptions, recoverTransactions } from './transaction/recover.js'
export { HandlePool } from './tree/handle-pool.js'
export { type Directory, Tree, type TreeOptions } from './tree/tree.js'
