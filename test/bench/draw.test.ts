import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { temporary } from '../helpers/folders.js'
import { draw } from './draw.js'
import { plotsOf } from './figures/plots.js'

test('a plot is drawn as a picture, with the names of what was measured', async (t) => {
  const folder = join(await temporary(t), 'plots')
  const samples = [{ wall: 1, wallWithStart: 2, usage: {} }]
  const scene = {
    name: 'far:large',
    title: 'Far',
    contenders: ['a & b', 'c'].map((name) => ({ name, samples })),
    missing: [],
  }
  draw(plotsOf([scene], []), folder)
  const svg = await readFile(join(folder, 'far-large.svg'), 'utf8')
  t.regex(svg, /^<svg [^>]*>/)
  t.regex(svg, /a &amp; b/)
})
