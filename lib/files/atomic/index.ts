export { AtomicFile, type Staged, type Written } from './atomic-file.js'
export { type Backup, listBackups, makeBackup, parseBackupName, pruneBackups } from './backups.js'
export { Folder } from './folder.js'
export type { AtomicWriteOptions } from './options.js'
