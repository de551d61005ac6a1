import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BarChart, LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import type { Plot } from './figures/plots.js'

const WIDTH = 900

/** Draws each plot into an SVG file of its name. */
export function draw(plots: readonly Plot[], folder: string): void {
  use([BarChart, LineChart, GridComponent, LegendComponent, MarkLineComponent, TitleComponent, SVGRenderer])
  mkdirSync(folder, { recursive: true })
  for (const { name, height, option } of plots) {
    const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height })
    chart.setOption(option)
    writeFileSync(join(folder, `${name}.svg`), chart.renderToSVGString())
    chart.dispose()
  }
}
