export { diskError, errorCode, SystemError } from './disk-error.js';
export { durableReplace } from './durable-replace.js';
export { blockingFileSystem, makeFileSystem, nodeFileSystem, OPEN, openRegular, readFully, sameInode, syncDirectory, writeFully, } from './fs.js';
export { HandlePool } from './handle-pool.js';
export { collectLeftovers } from './leftovers.js';
export { foldName, partName, suffixed } from './names.js';
export { PartFile } from './part-file.js';
export { publish, recoverPublish, } from './publish.js';
export { recoverReplaced, removeTree } from './replace-directory.js';
export { Tree } from './tree.js';
//# sourceMappingURL=index.js.map