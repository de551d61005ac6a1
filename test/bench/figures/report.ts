import type { Judged } from './bars.js'
import { type ContenderResult, medianByRole, medianOf, type SceneResult } from './results.js'
import { table } from './table.js'
import type { Usage } from './usage.js'

/** A column: what is shown of a contender. */
type Column = [head: string, show: (contender: ContenderResult) => string]

/** What was measured in a scene, as a table in Markdown: medians, and how much each takes of what the first takes. */
export function sceneTable({ contenders }: SceneResult): string {
  const measured = contenders.filter(({ samples }) => samples.length > 0)
  const [first] = measured
  if (!first) return 'nothing was measured'
  const roles = Object.keys(first.samples[0]!.usage)
  const of = (head: string, show: (value: number) => string, pick: (usage: Usage) => number): Column[] =>
    roles.map((role) => [`${head}: ${role}`, (one) => show(medianByRole(one, pick)[role]!)])
  const wall = (one: ContenderResult) => medianOf(one, ({ wall }) => wall)
  const isGrowth = measured.some(({ size }) => size !== undefined)
  const ratio: Column = [`of ${first.name}`, (one) => (wall(one) / wall(first)).toFixed(2)]
  const columns: Column[] = [
    ['', nameAndSize],
    ['wall', (one) => seconds(wall(one))],
    ['from–to', ({ samples }) => span(samples.map(({ wall }) => wall))],
    ['with start', (one) => seconds(medianOf(one, ({ wallWithStart }) => wallWithStart))],
    ...(isGrowth ? [] : [ratio]),
    ...of('processor', seconds, ({ cpu }) => cpu),
    ...of('with start', seconds, ({ cpuWithStart }) => cpuWithStart),
    ...of('peak', megabytes, ({ peak }) => peak),
  ]
  const { usage, bytes } = first.samples[0]!
  if (usage[roles[0]!]!.delay)
    columns.push(
      ...of('p99', milliseconds, ({ delay }) => delay!.p99),
      ...of('longest block', milliseconds, ({ delay }) => delay!.longest),
      ...of('held, p99', milliseconds, ({ delay }) => delay!.heldP99),
      ...of('held, longest', milliseconds, ({ delay }) => delay!.heldLongest),
    )
  if (bytes !== undefined)
    columns.push([
      'bytes',
      (one) =>
        megabytes(
          medianOf(one, ({ bytes }) => bytes!),
          2,
        ),
    ])
  return table(
    columns.map(([head]) => head),
    measured.map((one) => columns.map(([, show]) => show(one))),
  )
}

export const nameAndSize = ({ name, size }: Pick<ContenderResult, 'name' | 'size'>) =>
  size === undefined ? name : `${name}, ${size.toLocaleString('en')}`

/** The figures that have to be reached, and whether they are. */
export function barTable(judged: readonly Judged[]): string {
  const shown: Record<Judged['unit'], (value: number) => string> = {
    ratio: (value) => value.toFixed(2),
    MB: (value) => `${Math.round(value)} MB`,
    ms: milliseconds,
  }
  const rows = judged.map(({ what, scene, figure, unit, atMost, aim, reached }) => {
    const show = (value: number | undefined) => (value === undefined ? '–' : shown[unit](value))
    const result = reached === 'no' ? 'NO' : reached === 'aim' ? 'yes, and the aim' : reached
    return [what, scene, show(figure?.value), show(figure?.withStart), show(atMost), show(aim), result]
  })
  return table(['', 'scene', 'measured', 'with start', 'at most', 'aim', 'reached'], rows)
}

/** The smallest and the largest. */
function span(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return `${decimals(least)}–${decimals(most)}`
}

/** Three digits that count, or two behind the point. */
const decimals = (value: number) => value.toFixed(value < 1 ? 3 : 2)
const seconds = (value: number) => `${decimals(value)} s`
const megabytes = (bytes: number, digits = 0) => `${(bytes / 1e6).toFixed(digits)} MB`
const milliseconds = (value: number) => `${value.toFixed(1)} ms`
