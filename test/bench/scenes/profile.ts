import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { NAMES } from '../figures/names.js'
import { table } from '../figures/table.js'
import { library } from '../movers/library.js'
import { summarise } from '../profile/summary.js'
import type { Work } from '../work/work.js'
import type { Scene } from './scene.js'
import { transfer } from './transfer.js'
import { largeWork, smallWork } from './transfers.js'

const ROWS = 12

/** Where the time goes: with the profiler of V8 at work in both processes. */
export const profileScenes = (quick: boolean): Scene[] => [
  profileScene('profile:large', largeWork(quick)),
  profileScene('profile:small', smallWork(quick)),
]

function profileScene(name: string, work: Work): Scene {
  return {
    name,
    title: `Where the time goes: ${work.title}`,
    extra: true,
    rounds: 1,
    contenders: async (setting) => {
      const source = join(setting.scratch, 'source')
      const profiles = profilesIn(setting.scratch)
      work.make(source)
      mkdirSync(profiles)
      return [transfer(library(setting.builds[0], NAMES.server, { profiles }), source, setting)]
    },
    notes: ({ scratch }) => ['sender', 'receiver'].map((role) => profileOf(scratch, role)).join('\n\n'),
  }
}

const profilesIn = (scratch: string) => join(scratch, 'profiles')

/** Where the time of the main thread went, as a table. */
function profileOf(scratch: string, role: string): string {
  const { busy, idle, kinds } = summarise(join(profilesIn(scratch), `${role}.cpuprofile`))
  const rows = kinds
    .slice(0, ROWS)
    .map(([kind, time]) => [kind, `${time.toFixed(2)} s`, `${((100 * time) / busy).toFixed(0)} %`])
  const all = `main thread busy for ${busy.toFixed(2)} s, idle for ${idle.toFixed(2)} s`
  return `${role}: ${all}\n\n${table(['where', 'self time', 'of busy'], rows)}`
}
