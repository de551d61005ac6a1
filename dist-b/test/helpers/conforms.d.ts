import type { ConformanceCase } from '../../lib/testing/index.js';
/** Runs a conformance suite as tests of ava, one for each case. */
export declare function conforms(subject: string, cases: ConformanceCase[]): void;
