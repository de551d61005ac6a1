export {
  type CheckOptions,
  checkFile,
  type FailedCheck,
  type FileCheck,
  type FileReport,
} from './check-file.js'
export { decodeText, encodeText, type TextEncoding } from './encodings.js'
export { type EncodeOptions, encodeValue, type Format, formatOf, parseText } from './formats.js'
export { type ReadOptions, readFileRetry } from './read-file.js'
export { checkSchema, type Schema, type SchemaFailure } from './schema.js'
