export { diskError, errorCode, SystemError } from './disk-error.js'
export { type DurableReplaceOptions, durableReplace } from './durable-replace.js'
export {
  blockingFileSystem,
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
} from './fs.js'
export type { FileSystemOptions } from './node-fs.js'
export {
  type Conflict,
  type Durability,
  type Published,
  type PublishOptions,
  publish,
  recoverPublish,
} from './publish.js'
export { type Recovered, recoverReplaced, removeTree } from './replace-directory.js'
export { type Directory, Tree, type TreeOptions } from './tree.js'
