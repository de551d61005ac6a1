export { CODES, type Code, isSluiceError, printable, SluiceError } from './errors.js'
export { incomingOf, outgoingOf } from './stages/by-hand.js'
export { chunkSize } from './stages/chunk-size.js'
export { type Clock, systemClock } from './stages/clock.js'
export {
  type CompressionOptions,
  compression,
  gunzip,
  gzip,
  type LevelOptions,
  type RatioOptions,
} from './stages/compression.js'
export { createDigest, type Digest, digestLength, digestOf, prepareDigest } from './stages/digests.js'
export { decrypt, type EncryptionOptions, encrypt, encryption } from './stages/encryption.js'
export { type FileSourceOptions, fileSource } from './stages/file-source.js'
export { type Finalizer, type FinalizerOptions, finalizer } from './stages/finalizer.js'
export { hashTap } from './stages/hash-tap.js'
export type { Cut, Item, Run, SentDigest, StoredFile } from './stages/items.js'
export {
  type Manifest,
  type ManifestOptions,
  manifestFrom,
  manifestOf,
  type OfferOptions,
} from './stages/manifest-of.js'
export type { Outcome } from './stages/outcomes.js'
export { type PartSinkOptions, partSink } from './stages/part-sink.js'
export { counter, type Passed, type ProgressTapOptions, progressTap, tap } from './stages/progress-tap.js'
export type { Source, SourcePath } from './stages/source-file.js'
export { limitRate, type ThrottleOptions, throttle } from './stages/throttle.js'
export type { WireStage } from './stages/wire-stage.js'
export { DEFAULT_LIMITS, type Limits } from './wire/limits.js'
export type { Entry, Offer } from './wire/manifest.js'
export type { Bitmap, Range } from './wire/positions.js'
