/**
 * The conformance suites: what every stage of a river has to do, as lists of cases. There is no test runner
 * inside; each case rejects with an `AssertionError` that says what did not hold.
 *
 * ```ts
 * for (const { name, run } of transformConformance(() => myStage(), { input, expected, many })) test(name, run)
 * ```
 */
export type { ConformanceCase, ConformanceOptions } from './probe.js'
export { type ReadableConformance, readableConformance } from './readable.js'
export { type TransformConformance, transformConformance } from './transform.js'
export { type WireStageConformance, wireStageConformance } from './wire-stage.js'
export { type WritableConformance, writableConformance } from './writable.js'
