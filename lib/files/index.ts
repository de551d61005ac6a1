export { type Clock, systemClock } from '../clock.js'
export { AtomicFile, type Staged, type Written } from './atomic/atomic-file.js'
export {
  type AtomicStreamOptions,
  AtomicWriteStream,
  createAtomicWriteStream,
} from './atomic/atomic-stream.js'
export {
  type Backup,
  listBackups,
  makeBackup,
  parseBackupName,
  pruneBackups,
} from './atomic/backups.js'
export type { AtomicWriteOptions } from './atomic/options.js'
export type { WriteData } from './atomic/pieces.js'
export { type RemoveBackupsOptions, type RemovedBackups, removeBackups } from './atomic/remove-backups.js'
export { type Renamed, type RenameOptions, renameAtomic } from './atomic/rename-atomic.js'
export {
  type WriteFileOptions,
  type WriteValueOptions,
  writeConfig,
  writeFileAtomic,
  writeJson,
  writeYaml,
} from './atomic/write-file.js'
export type { Audit, AuditEntry, AuditRecord } from './audit/audit-record.js'
export { AuditTrail, type AuditTrailEvents, type AuditTrailOptions } from './audit/audit-trail.js'
export { type ReadAuditOptions, readAudit } from './audit/read-audit.js'
export { type Audited, getDefaultAudit, setDefaultAudit } from './audit/recorder.js'
export {
  type AuditSummary,
  type AuditTableOptions,
  auditTable,
  type OperationSummary,
  summarizeAudit,
} from './audit/summary.js'
export type { Config, MergeRules } from './config/merge.js'
export {
  type ConfigInput,
  type MergeConfigOptions,
  type Merged,
  mergeConfig,
} from './config/merge-config.js'
export { type ReadValueOptions, readConfig, readJson, readYaml } from './config/read-config.js'
export { type Change, type Updated, type UpdateOptions, updateJson, updateYaml } from './config/update.js'
export {
  type CheckOptions,
  checkFile,
  type FailedCheck,
  type FileCheck,
  type FileReport,
} from './content/check-file.js'
export { decodeText, encodeText, type TextEncoding } from './content/encodings.js'
export { type EncodeOptions, encodeValue, type Format, formatOf, parseText } from './content/formats.js'
export { type ReadOptions, readFileRetry } from './content/read-file.js'
export { checkSchema, type Schema, type SchemaFailure } from './content/schema.js'
export type { Hasher } from './disk/digest-file.js'
export { diskError, errorCode, readError, SystemError } from './disk/disk-error.js'
export { type FileStats, type FileSystem, OPEN } from './disk/fs.js'
export { foldName, type PathLike, partName, suffixed } from './disk/names.js'
export type { FileSystemOptions } from './disk/node-fs.js'
export { blockingFileSystem, commandFileSystem, makeFileSystem, nodeFileSystem } from './disk/node-fs.js'
export { openRegular } from './disk/open-regular.js'
export { readFully, writeFully } from './disk/read-write.js'
export type { RetryOptions } from './disk/retry.js'
export { sameInode } from './disk/stats.js'
export { syncOpenFolder } from './disk/sync.js'
export { type Orphans, type RemoveOrphansOptions, removeOrphans } from './intent/remove-orphans.js'
export type { Prefix } from './journal/journal-records.js'
export { type CollectOptions, collectLeftovers, type Leftover } from './journal/leftovers.js'
export type { UnfinishedFile } from './journal/read-journal.js'
export {
  type LeftFile,
  type UnfinishedOptions,
  type UnfinishedTransfer,
  unfinishedTransfers,
} from './journal/unfinished.js'
export { FolderLock, type LockOptions } from './lock/folder-lock.js'
export type { Claimant, LockMode } from './lock/lock-names.js'
export {
  type BatchResult,
  batch,
  type FileOperations,
  type FileOperationsOptions,
  fileOperations,
} from './operations/file-operations.js'
export type { Owner, ProcessSystem } from './own/owner.js'
export {
  ownerOfTemporary,
  type TemporaryNameOptions,
  type TempPathOptions,
  temporaryName,
  tempPath,
} from './own/temporary-name.js'
export { type CompleteOptions, PartFile, type PartFileOptions } from './part/part-file.js'
export {
  type Conflict,
  type Durability,
  type Published,
  type PublishOptions,
  publish,
  type StandingFile,
} from './publish/publish.js'
export { recoverPublish } from './publish/recover-publish.js'
export {
  type Recovered,
  type RecoverReplacedOptions,
  recoverReplaced,
  removeTree,
} from './publish/replace-folder.js'
export type { WhichBackup } from './restore/choose-backup.js'
export type { RecoveryManagerOptions } from './restore/context.js'
export { RecoveryManager } from './restore/recovery-manager.js'
export { type Restored, type RestoreOptions, restoreBackup } from './restore/restore-backup.js'
export type { RecoveryKind, RecoveryPoint } from './restore/store.js'
export type { RecoveryOutcome } from './restore/undo-all.js'
export { type RotateOptions, type Rotation, rotateFile } from './rotation/rotate-file.js'
export type { TransactionResult } from './transaction/commit.js'
export { FileTransaction } from './transaction/file-transaction.js'
export type {
  TransactionCopyOptions,
  TransactionData,
  TransactionDeleteOptions,
  TransactionOptions,
  TransactionProgress,
  TransactionValueOptions,
  TransactionWriteOptions,
} from './transaction/options.js'
export {
  type RecoveredTransaction,
  type RecoverOptions,
  recoverTransactions,
  type TransactionRecovery,
} from './transaction/recover.js'
export { HandleBudget } from './tree/handle-budget.js'
export { Folder } from './tree/open-folder.js'
export { type OpenFolder, Tree, type TreeOptions } from './tree/tree.js'
