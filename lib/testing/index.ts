export {
  type ConformanceCase,
  type ConformanceOptions,
  type ConnectorConformance,
  type ConnectorSample,
  connectorConformance,
  type DuplexConformance,
  duplexConformance,
  type PartStorePlace,
  type PlacedContent,
  partStoreConformance,
  type ReadableConformance,
  readableConformance,
  type SourceSample,
  sourceStoreConformance,
  type TransformConformance,
  transformConformance,
  type WireStageConformance,
  type WritableConformance,
  wireStageConformance,
  writableConformance,
} from './conformance/index.js'
export type { DiskCall, DiskEvent, DiskFault } from './disk/disk-faults.js'
export { MemoryDisk } from './disk/memory-disk.js'
export type { MemoryDiskOptions } from './disk/memory-store.js'
export { FakeClock } from './fake-clock.js'
export { type DuplexPairOptions, duplexPair, type Faults, swapPairs } from './faulty-duplex.js'
export { sameItems, sampleItems } from './sample-items.js'
export { piecesOf, randomBySeed, randomContent, randomPieces } from './splits.js'
