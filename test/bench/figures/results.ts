import type { Sample, Usage } from './usage.js'

/** Who was measured in a scene, and what each of its runs took. */
export interface ContenderResult {
  name: string
  /** Files or bytes, where a scene is about growth. */
  size?: number | undefined
  samples: Sample[]
}

/** What was measured side by side, in turns. */
export interface SceneResult {
  name: string
  title: string
  /** What the sizes are, where it is about growth. */
  growth?: 'entries' | 'bytes' | undefined
  contenders: ContenderResult[]
  /** One line for each that could not take part. */
  missing: string[]
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const medianOf = ({ samples }: ContenderResult, pick: (sample: Sample) => number): number =>
  median(samples.map(pick))

/** The median of one figure of each process, by what the process is. */
export function medianByRole(
  { samples }: ContenderResult,
  pick: (usage: Usage) => number,
): Record<string, number> {
  const roles = Object.keys(samples[0]!.usage)
  return Object.fromEntries(
    roles.map((role) => [role, median(samples.map(({ usage }) => pick(usage[role]!)))]),
  )
}

/** The larger of the medians of the processes. */
export const largest = (contender: ContenderResult, pick: (usage: Usage) => number): number =>
  Math.max(...Object.values(medianByRole(contender, pick)))

/** A contender of a scene; undefined if it could not take part, or the scene was not measured. */
export function find(
  scenes: readonly SceneResult[],
  scene: string,
  contender: string,
): ContenderResult | undefined {
  const found = scenes.find(({ name }) => name === scene)?.contenders.find(({ name }) => name === contender)
  return found?.samples.length ? found : undefined
}
