export {
  type ConformanceCase,
  type ConformanceOptions,
  type PartStorePlace,
  partStoreConformance,
  type ReadableConformance,
  readableConformance,
  type Standing,
  type SourceSample,
  sourceStoreConformance,
  type TransformConformance,
  transformConformance,
  type WireStageConformance,
  type WritableConformance,
  wireStageConformance,
  writableConformance,
} from './conformance.js'
export type { DiskCall, DiskEvent, DiskFault } from './disk-faults.js'
export { FakeClock } from './fake-clock.js'
export { type DuplexPairOptions, duplexPair, type Faults } from './faulty-duplex.js'
export { MemoryDisk } from './memory-disk.js'
export type { MemoryDiskOptions } from './memory-store.js'
export { piecesOf, randomBySeed, randomContent, randomPieces } from './splits.js'
