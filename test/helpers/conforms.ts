import test from 'ava'
import type { ConformanceCase } from '../../lib/testing/index.js'

/** Runs a conformance suite as tests of ava, one for each case. */
export function conforms(subject: string, cases: ConformanceCase[]): void {
  for (const { name, run } of cases) test.serial(`${subject}: ${name}`, (t) => t.notThrowsAsync(run))
}
