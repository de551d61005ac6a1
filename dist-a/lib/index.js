// What users import, in the order of the river.
// the conversation
export { send } from './send.js';
export { receive } from './receive.js';
// what is sent
export { manifestFrom, manifestOf, } from './stages/manifest-of.js';
export { fileSource } from './stages/file-source.js';
export { chunkSize } from './stages/chunk-size.js';
// digests and taps, on either side
export { hashTap } from './stages/hash-tap.js';
export { createDigest, digestLength, digestOf, prepareDigest } from './stages/digests.js';
export { counter, progressTap, tap } from './stages/progress-tap.js';
// the line
export { framer } from './stages/framer.js';
export { limitRate, throttle } from './stages/throttle.js';
export { compression, gunzip, gzip, } from './stages/compression.js';
export { decrypt, encrypt, encryption } from './stages/encryption.js';
export { incomingOf, outgoingOf } from './stages/by-hand.js';
export { systemClock } from './stages/clock.js';
export { deframer } from './stages/deframer.js';
// what arrives
export { demuxer } from './stages/demuxer.js';
export { partSink } from './stages/part-sink.js';
export { finalizer } from './stages/finalizer.js';
export { PartFile } from './files/part-file.js';
// what all of it has in common
export { CODES, isSluiceError, printable, SluiceError } from './errors.js';
export { DEFAULT_LIMITS } from './wire/limits.js';
export { checkPath } from './wire/paths.js';
//# sourceMappingURL=index.js.map