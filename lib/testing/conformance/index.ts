/**
 * The conformance suites: what must hold of a stage, a store or a connection, as lists of cases. There is no test
 * runner inside; each case rejects with an `AssertionError` that says what did not hold.
 *
 * ```ts
 * for (const { name, run } of transformConformance(() => myStage(), { input, expected, many })) test(name, run)
 * ```
 */

export { type ConnectorConformance, connectorConformance } from './connector.js'
export type { ConnectorSample } from './connector-place.js'
export { type DuplexConformance, duplexConformance } from './duplex.js'
export type { ConformanceCase, ConformanceOptions } from './harness/probe.js'
export { partStoreConformance } from './part-store.js'
export type { PartStorePlace, PlacedContent } from './part-store-transfer.js'
export { type ReadableConformance, readableConformance } from './readable.js'
export { type SourceSample, sourceStoreConformance } from './source-store.js'
export { type TransformConformance, transformConformance } from './transform.js'
export { type WireStageConformance, wireStageConformance } from './wire-stage.js'
export { type WritableConformance, writableConformance } from './writable.js'
