export { ownerOfTemporary, type TemporaryNameOptions, temporaryName } from '../own/temporary-name.js'
export { type Orphans, type RemoveOrphansOptions, removeOrphans } from './remove-orphans.js'
export { type Renamed, type RenameOptions, renameAtomic } from './rename-atomic.js'
export { type TempPathOptions, tempPath } from './temp-path.js'
