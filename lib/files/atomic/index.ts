export { Folder } from '../tree/folder.js'
export { AtomicFile, type Staged, type Written } from './atomic-file.js'
export { type AtomicStreamOptions, AtomicWriteStream, createAtomicWriteStream } from './atomic-stream.js'
export { type Backup, listBackups, makeBackup, parseBackupName, pruneBackups } from './backups.js'
export type { AtomicWriteOptions } from './options.js'
export type { WriteData } from './pieces.js'
export {
  type WriteFileOptions,
  type WriteValueOptions,
  writeConfig,
  writeFileAtomic,
  writeJson,
  writeYaml,
} from './write-file.js'
