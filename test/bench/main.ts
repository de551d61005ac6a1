// npm run bench [-- OPTIONS]; the options are in README.md
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { freshDisk, type Place, plainFolder } from './disk.js'
import { BARS, judge } from './figures/bars.js'
import { plotsOf } from './figures/plots.js'
import { barTable, sceneTable } from './figures/report.js'
import type { SceneResult } from './figures/results.js'
import { benchOptions, nodeVersion } from './options.js'
import { takeTurns } from './rounds.js'
import type { Scene } from './scenes/scene.js'

const options = optionsOrExit()
const { builds, dir, json, plots, quick, rounds, scenes } = options

const log = (line: string) => process.stderr.write(`${line}\n`)
const print = (text: string) => process.stdout.write(`${text}\n`)

for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

const about = {
  node: nodeVersion(builds[0].node),
  platform: process.platform,
  processors: cpus().length,
  memory: totalmem(),
  load: loadavg()[0]!,
  date: new Date().toISOString(),
  commits: builds.map(({ checkout }) => commitOf(checkout)),
  disk: options.fresh ? 'fresh' : 'dir',
  rounds,
  quick,
}
print(
  `Node ${about.node}, ${about.platform}, ${about.processors} processors, ${Math.round(about.memory / 1e9)} GB, load ${about.load.toFixed(1)}, ${rounds} rounds; ${about.commits.join(', before: ')}`,
)
if (quick) print('quick: small numbers, which show that it runs, and no more')

const results: SceneResult[] = []
for (const scene of scenes) results.push(await play(scene))

const judged = BARS.map((bar) => judge(bar, results)).filter(({ scene }) =>
  scenes.some(({ name }) => name === scene || name.startsWith(`${scene}:`)),
)
if (judged.length > 0) print(`\n## The figures\n\n${barTable(judged)}`)
if (json !== undefined) {
  mkdirSync(dirname(json), { recursive: true })
  writeFileSync(json, `${JSON.stringify({ about, figures: judged, scenes: results }, undefined, 2)}\n`)
}
if (plots !== undefined) {
  const { draw } = await import('./draw.js')
  draw(plotsOf(results, judged), plots)
}

/** Measures a scene on a disk of its own, and prints what came out. */
async function play({ name, title, growth, files, notes, ...scene }: Scene): Promise<SceneResult> {
  const { folder, roomy, close } = await place(files)
  const missing: string[] = []
  const setting = { scratch: folder, roomy, builds, missing: (line: string) => void missing.push(line) }
  log(`${name}: making what is measured`)
  const contenders = await takeTurns(
    await scene.contenders(setting),
    Math.min(rounds, scene.rounds ?? rounds),
    { log },
  )
  const result = { name, title, growth, contenders, missing }
  print(`\n### ${title} (${name})\n`)
  for (const line of missing) print(`${line}\n`)
  print(sceneTable(result))
  if (notes) print(`\n${notes(setting)}`)
  await close()
  return result
}

/** Each scene gets a new disk, where they are asked for, since the one before has left traces. */
async function place(files: number | undefined): Promise<Place> {
  if (options.fresh) {
    try {
      return await freshDisk(dir, files)
    } catch (error) {
      print(`no fresh disk, the data is in a folder of --dir: ${(error as Error).message}`)
      options.fresh = false
    }
  }
  return plainFolder(dir)
}

/** The commit of a checkout, for the reader of the figures; nothing depends on it. */
function commitOf(checkout: string): string {
  const git = spawnSync('git', ['-C', checkout, 'describe', '--always', '--dirty'], { encoding: 'utf8' })
  return git.status === 0 ? git.stdout.trim() : checkout
}

/** Wrong use is one line, and exit 2. */
function optionsOrExit() {
  try {
    return benchOptions(process.argv.slice(2), tmpdir())
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n`)
    process.exit(2)
  }
}
