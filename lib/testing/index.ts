export {
  type ConformanceCase,
  type ConformanceOptions,
  type ReadableConformance,
  readableConformance,
  type TransformConformance,
  transformConformance,
  type WireStageConformance,
  type WritableConformance,
  wireStageConformance,
  writableConformance,
} from './conformance.js'
export { FakeClock } from './fake-clock.js'
export { type DuplexPairOptions, duplexPair, type Faults } from './faulty-duplex.js'
export { piecesOf, randomBySeed, randomContent, randomPieces } from './splits.js'
