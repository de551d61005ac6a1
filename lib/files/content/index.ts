export { decodeText, encodeText, type TextEncoding } from './encodings.js'
export { type EncodeOptions, encodeValue, type Format, formatOf, parseText } from './formats.js'
export { checkSchema, type Schema, type SchemaFailure } from './schema.js'
