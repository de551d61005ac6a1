import type { EChartsCoreOption } from 'echarts/core'
import type { Judged } from './bars.js'
import { type ContenderResult, largest, medianOf, type SceneResult } from './results.js'

/** A picture, before it is drawn. */
export interface Plot {
  /** Of its file, without an ending. */
  name: string
  height: number
  option: EChartsCoreOption
}

/** Pixels of a bar, and of what stands around the bars. */
const BAR = 34
const AROUND = 120

/** What can be seen of the figures: all bars at once, the times of each scene, and how they grow. */
export function plotsOf(scenes: readonly SceneResult[], judged: readonly Judged[]): Plot[] {
  const measured = scenes.filter(({ contenders }) => contenders.some(({ samples }) => samples.length > 0))
  const growing = measured.filter(({ contenders }) => contenders.some(({ size }) => size !== undefined))
  return [
    ...(judged.some(({ figure }) => figure) ? [barsPlot(judged)] : []),
    ...measured.filter((scene) => scene.contenders.length > 1 && !growing.includes(scene)).map(scenePlot),
    ...growthPlots(growing),
  ]
}

/** How near each figure is to what it may be at most. */
function barsPlot(judged: readonly Judged[]): Plot {
  const measured = judged.flatMap(({ figure, ...bar }) => (figure ? [{ ...bar, ...figure }] : [])).reverse()
  return {
    name: 'bars',
    height: AROUND + BAR * measured.length,
    option: {
      ...titled('Measured, as a part of what is allowed at most'),
      xAxis: { type: 'value', max: ({ max }: { max: number }) => Math.max(2, Math.ceil(max)) },
      yAxis: { type: 'category', data: measured.map(({ what }) => what), axisTick: { show: false } },
      series: [
        {
          type: 'bar',
          data: measured.map(({ value, atMost, reached }) => ({
            value: rounded(value / atMost),
            itemStyle: { color: reached === 'no' ? RED : GREEN },
          })),
          label: { show: true, position: 'right' },
          markLine: { symbol: 'none', silent: true, data: [{ xAxis: 1 }], label: { formatter: 'at most' } },
        },
      ],
    },
  }
}

/** The time of each contender, with what the start of its process adds. */
function scenePlot({ name, title, contenders }: SceneResult): Plot {
  const measured = contenders.filter(({ samples }) => samples.length > 0).reverse()
  const walls = measured.map((one) => medianOf(one, ({ wall }) => wall))
  const starts = measured.map((one, i) => medianOf(one, ({ wallWithStart }) => wallWithStart) - walls[i]!)
  return {
    name: fileName(name),
    height: AROUND + BAR * measured.length,
    option: {
      ...titled(`${title}: seconds`),
      legend: { bottom: 0 },
      xAxis: { type: 'value' },
      yAxis: { type: 'category', data: measured.map(({ name }) => name), axisTick: { show: false } },
      series: [
        { name: 'wall', type: 'bar', stack: 'all', data: walls.map(rounded), label: { show: true } },
        { name: 'start of the process', type: 'bar', stack: 'all', data: starts.map(rounded), color: GREY },
      ],
    },
  }
}

/** Time and memory over the size, for each kind of size. */
function growthPlots(scenes: readonly SceneResult[]): Plot[] {
  const figures = {
    time: { unit: 'seconds', of: (one: ContenderResult) => medianOf(one, ({ wall }) => wall) },
    memory: {
      unit: 'MB, the larger of both processes',
      of: (one: ContenderResult) => largest(one, ({ peak }) => peak) / 1e6,
    },
  }
  return [...groupBy(scenes, ({ growth }) => growth)].flatMap(([growth, of]) =>
    Object.entries(figures).map(([figure, { unit, of: pick }]) => ({
      name: `growth-${growth}-${figure}`,
      height: 400,
      option: {
        ...titled(`${figure} over ${growth}: ${unit}`),
        legend: { bottom: 0 },
        xAxis: { type: 'log', name: growth },
        yAxis: { type: 'log' },
        series: linesOf(of, pick),
      },
    })),
  )
}

/** A line for each program: its figure over its sizes. */
export function linesOf(scenes: readonly SceneResult[], pick: (one: ContenderResult) => number) {
  const all = scenes.flatMap(({ contenders }) => contenders).filter(({ samples }) => samples.length > 0)
  const lines = groupBy(all, ({ name }) => name)
  return [...lines].map(([name, points]) => ({
    name,
    type: 'line',
    data: points.map((one) => [one.size!, rounded(pick(one))]).sort(([a], [b]) => a! - b!),
  }))
}

function groupBy<T, K>(all: readonly T[], keyOf: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one])
  return groups
}

const [GREEN, RED, GREY] = ['#3a9a5c', '#c8423b', '#b8b8b8']

const titled = (text: string) => ({
  animation: false,
  title: { text, left: 'left', textStyle: { fontSize: 14 } },
  textStyle: { fontFamily: 'sans-serif' },
  grid: { left: 60, right: 60, top: 60, bottom: 40 },
})

const fileName = (scene: string) => scene.replaceAll(':', '-')

/** Three digits that count. */
const rounded = (value: number) => Number(value.toPrecision(3))
