export { readableConformance, transformConformance, wireStageConformance, writableConformance, } from './conformance.js';
export { FakeClock } from './fake-clock.js';
export { duplexPair } from './faulty-duplex.js';
export { MemoryDisk } from './memory-disk.js';
export { piecesOf, randomBySeed, randomContent, randomPieces } from './splits.js';
//# sourceMappingURL=index.js.map