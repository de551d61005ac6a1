// What users import, in the order of the river.

// the conversation
export { type SendOptions, send } from './send.js'
export { type Accept, type ReceiveOptions, receive } from './receive.js'
export {
  type ConnectToPeer,
  type HandleOptions,
  type PastTransfer,
  Transfers,
  type TransfersEvents,
  type TransfersOptions,
} from './transfers.js'
export { type WatchOptions, type WatchEvents, type WatchResult, Watch, watch } from './watch.js'
export { receiveSeries } from './watch/receive-series.js'
export type { Watched, Watcher, WatcherEvents } from './watch/watcher.js'
export { PublishedVersions } from './stores/published-versions.js'
export { type RecordedTransfer, readHistory } from './transfers/history-file.js'
export { FileQuota, type FileQuotaOptions } from './transfers/file-quota.js'
export type { Amount, Quota } from './transfer/quota.js'
export type { Connect } from './reconnect/connections.js'
export type { ReconnectOptions } from './reconnect/retry.js'
export type { ByteDuplex } from './transfer/streams/byte-duplex.js'
export type { Transfer } from './transfer/transfer.js'
export { type Outcome, type OutcomeRange, outcomesOf, type TransferResult } from './wire/outcome.js'
export type { CurrentFile, Progress } from './transfer/progress.js'
export type {
  CancelOptions,
  PausedBy,
  Reconnecting,
  TransferEvents,
  TransferState,
} from './transfer/lifecycle.js'

// what is sent
export type { Manifest, OfferOptions } from './stages/manifest/builder.js'
export { type EntriesOptions, manifestFrom, manifestOfEntries } from './stages/manifest/manifest-from.js'
export { type ManifestOptions, manifestOf } from './stages/manifest/manifest-of.js'
export { type MemoryContents, type MemorySources, memorySources } from './stores/memory-sources.js'
export { type OpenSource, type SourceEntry, type SourceStore, sourceError } from './stores/sources.js'
export { FileSource, type FileSourceOptions, fileSource } from './stages/file-source.js'
export { chunkSize } from './stages/file-source/steps.js'
export { Plan } from './transfer/plan.js'
export type {
  AnsweredItem,
  AnsweredPlan,
  BlocksItem,
  ChunksItem,
  DigestsItem,
  EndItem,
  Item,
  OfferItem,
  StoredItem,
  StoredRun,
} from './stages/river/items.js'
export { type Cut, cutsOf, type DigestColumn, type Run, runOf } from './wire/run.js'

// digests and taps, on either side
export { hashTap } from './stages/hash-tap.js'
export { createDigest, type Digest, digestLength, digestOf, prepareDigest } from './digest/digests.js'
export { counter, type Passed, type ProgressTapOptions, progressTap, tap } from './stages/progress-tap.js'

// the connection
export { type Framer, type FramerOptions, framer } from './stages/framer.js'
export type { StageStream } from './stages/bytes/foreign-stage.js'
export type { PairedSides, WireStage } from './stages/bytes/wire-stage.js'
export { Rate } from './stages/bytes/rate.js'
export { type ThrottleOptions, limitRate, throttle } from './stages/throttle.js'
export {
  type CompressionOptions,
  compression,
  flushing,
  gunzip,
  gzip,
  type LevelOptions,
  type RatioOptions,
} from './stages/compression.js'
export { decrypt, type EncryptionOptions, encrypt, encryption } from './stages/encryption.js'
export { incomingOf, outgoingOf } from './stages/bytes/preface-transforms.js'
export { type Clock, systemClock } from './clock.js'
export { type Deframer, type DeframerOptions, deframer } from './stages/deframer.js'
export type { Frame } from './wire/frame-parser.js'
export type { Message } from './wire/messages.js'

// what arrives
export type { DemuxerOptions } from './stages/demuxer/options.js'
export { type Demuxer, demuxer } from './stages/demuxer.js'
export { type CutChange, mapCuts } from './stages/map-cuts.js'
export { type VerifierOptions, verifier } from './stages/verifier.js'
export { type PartSink, type PartSinkOptions, partSink } from './stages/part-sink.js'
export { type Finalizer, type FinalizerOptions, finalizer } from './stages/finalizer.js'
export {
  type LeftFile,
  type UnfinishedOptions,
  type UnfinishedTransfer,
  unfinishedTransfers,
} from './files/journal/unfinished.js'
export { type CompleteOptions, PartFile, type PartFileOptions } from './files/part/part-file.js'
export {
  type MemoryFile,
  type MemoryParts,
  type MemoryPartsOptions,
  memoryParts,
} from './stores/memory-parts.js'
export type { Basis, OpenBasis } from './stores/claim.js'
export type { Claim, Part, PartRun, PartStore, StandingFiles, PartStoreFeatures } from './stores/parts.js'
export type {
  Conflict,
  Durability,
  Placement,
  Placing,
  Publishing,
  PublishPolicy,
  Unless,
} from './stores/policy.js'
export { type Naming, publishByPolicy, type StandingVersion } from './stores/publish-by-policy.js'

// what all of it has in common
export {
  CODES,
  type Code,
  type FileOutcome,
  isSluiceError,
  type OwnCode,
  printable,
  SluiceError,
} from './errors.js'
export { DEFAULT_LIMITS, type Limits } from './wire/limits.js'
export type { Entry, Offer } from './wire/entry.js'
export { checkPath, type Names, type PathRules } from './wire/paths.js'
export type { Range } from './ranges.js'
