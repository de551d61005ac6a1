export { CODES, type Code, isSluiceError, printable, SluiceError } from './errors.js'
export type { Cut, Item, Run, SentDigest, StoredFile } from './stages/items.js'
export { DEFAULT_LIMITS, type Limits } from './wire/limits.js'
export type { Entry, Offer } from './wire/manifest.js'
