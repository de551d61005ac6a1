export { ownerOfTemporary, type TemporaryNameOptions, temporaryName } from './names.js'
