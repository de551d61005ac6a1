import test from 'ava'
import { BARS, judge } from './bars.js'
import { NAMES } from './names.js'
import { linesOf, plotsOf } from './plots.js'
import { barTable, sceneTable } from './report.js'
import { type ContenderResult, median, medianOf, type SceneResult } from './results.js'
import { table } from './table.js'
import type { Sample } from './usage.js'

/** A run whose start takes a second; memory in megabytes. */
const sample = (wall: number, { sender = 50, receiver = 60 } = {}): Sample => ({
  wall,
  wallWithStart: wall + 1,
  usage: {
    sender: { cpu: wall / 2, cpuWithStart: wall, peak: sender * 1e6 },
    receiver: { cpu: wall, cpuWithStart: wall * 2, peak: receiver * 1e6 },
  },
})
const contender = (name: string, walls: number[], size?: number): ContenderResult => ({
  name,
  size,
  samples: walls.map((wall) => sample(wall)),
})
const scene = (name: string, ...contenders: ContenderResult[]): SceneResult => ({
  name,
  title: `The ${name}`,
  contenders,
  missing: [],
})
const growing = (name: string, ...contenders: ContenderResult[]): SceneResult => ({
  ...scene(name, ...contenders),
  growth: 'entries',
})

const large = scene('large', contender(NAMES.command, [3, 1, 2]), contender(NAMES.rsync, [4, 5, 3]))
const judged = (what: RegExp, ...scenes: SceneResult[]) =>
  judge(BARS.find((bar) => what.test(bar.what))!, scenes)

test('the median is the middle one, or the mean of the two in the middle', (t) => {
  t.is(median([9, 1, 5]), 5)
  t.is(median([9, 1, 5, 7]), 6)
  t.is(
    medianOf(large.contenders[0]!, ({ wall }) => wall),
    2,
  )
})

test('a ratio is that of the medians, with and without the start', (t) => {
  t.like(judged(/^1 GiB, blocks, to an rsync/, large), {
    figure: { value: 2 / 4, withStart: 3 / 5 },
    reached: 'aim',
  })
  const slow = scene('large', contender(NAMES.command, [3.6]), contender(NAMES.rsync, [4]))
  t.is(judged(/^1 GiB, blocks, to an rsync/, slow).reached, 'yes')
  const slower = scene('large', contender(NAMES.command, [4.4]), contender(NAMES.rsync, [4]))
  t.is(judged(/^1 GiB, blocks, to an rsync/, slower).reached, 'no')
})

test('what goes on is compared with what begins, of another scene', (t) => {
  const nothing = scene('again:nothing', contender(NAMES.command, [4]))
  const part = scene('again:part', contender(NAMES.command, [1]))
  t.is(judged(/nine tenths/, nothing, part).figure?.value, 1 / 4)
  t.is(judged(/nine tenths/, part).figure, undefined)
})

test('what needs a program that could not take part is not measured', (t) => {
  t.like(judged(/to tar-fs/, large), { figure: undefined, reached: 'not measured' })
  t.is(judged(/to tar-fs/).reached, 'not measured')
})

test('the peak of memory is that of the process that takes more', (t) => {
  t.is(judged(/peak memory: 1 GiB/, large).figure?.value, 60)
})

test('the time of a file among many is compared with that among few', (t) => {
  const entries = growing(
    'growth:entries',
    contender(NAMES.command, [1], 1000),
    contender(NAMES.rsync, [1], 1000),
    contender(NAMES.command, [150], 100_000),
  )
  t.is(judged(/time per file/, entries).figure?.value, 1.5)
})

test('the worst event loop counts', (t) => {
  const late = (p99: number): Sample => {
    const delay = { p99, longest: 2 * p99, heldP99: p99 / 2, heldLongest: p99 }
    return { ...sample(1), usage: { sender: { cpu: 1, cpuWithStart: 1, peak: 1, delay } } }
  }
  const of = (name: string, p99: number) => scene(name, { name: NAMES.server, samples: [late(p99)] })
  const both = [of('loop:large', 3), of('loop:small', 7)]
  t.is(judged(/server, p99/, ...both).figure?.value, 7)
  t.is(judged(/longest block/, ...both).figure?.value, 14)
  t.is(judged(/itself, p99/, ...both).figure?.value, 3.5)
  t.is(judged(/itself, longest/, ...both).figure?.value, 7)
})

test('a table is padded so that it can be read as it is', (t) => {
  t.is(table(['', 'number'], [['long', '1']]), '|      | number |\n| ---- | -----: |\n| long |      1 |')
})

test('the table of a scene has medians, and how much each takes of what the first takes', (t) => {
  const [head, , own, other] = sceneTable(large).split('\n')
  const cells = (line: string) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1)
  t.deepEqual(cells(head!).slice(0, 5), ['', 'wall', 'from–to', 'with start', 'of sluice'])
  t.deepEqual(cells(own!).slice(0, 5), ['sluice', '2.00 s', '1.00–3.00', '3.00 s', '1.00'])
  t.deepEqual(cells(other!).slice(0, 5), ['rsync daemon', '4.00 s', '3.00–5.00', '5.00 s', '2.00'])
  t.is(sceneTable(scene('empty')), 'nothing was measured')
})

test('the table of the figures says what is allowed, and what is reached', (t) => {
  const text = barTable([
    judged(/^1 GiB, blocks, to an rsync/, large),
    judged(/^1 GiB, blocks, to tar/, large),
  ])
  t.regex(text, /to an rsync daemon \|\s+large \| +0\.50 \| +0\.60 \| +1\.00 \| +0\.80 \| yes, and the aim/)
  t.regex(text, /to tar-fs +\|\s+large \| +– \| +– \| +0\.65 \| +0\.50 \| +not measured/)
})

test('plots show the figures, each scene, and how time and memory grow', (t) => {
  const entries = growing(
    'growth:entries',
    contender('a', [4], 100),
    contender('b', [5], 10),
    contender('a', [1], 10),
  )
  const names = plotsOf([large, entries, scene('none')], [judged(/^1 GiB, blocks, to an/, large)]).map(
    ({ name }) => name,
  )
  t.deepEqual(names, ['bars', 'large', 'growth-entries-time', 'growth-entries-memory'])
  const lines = linesOf([entries], (one) => medianOf(one, ({ wall }) => wall))
  t.deepEqual(
    lines.map(({ name, data }) => [name, data]),
    [
      [
        'a',
        [
          [10, 1],
          [100, 4],
        ],
      ],
      ['b', [[10, 5]]],
    ],
  )
})
