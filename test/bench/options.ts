import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Build, buildOf } from './movers/build.js'
import { allScenes } from './scenes/all.js'
import type { Scene } from './scenes/scene.js'

const DISKS = ['dir', 'fresh']

export interface BenchOptions {
  quick: boolean
  rounds: number
  scenes: Scene[]
  /** An absolute path without links in it. */
  dir: string
  /** Each scene gets a file system that is made for it. */
  fresh: boolean
  /** This build, with the Node that runs the processes; and that of another checkout, with the same Node. */
  builds: [Build, ...Build[]]
  /** The file that gets all figures. */
  json: string | undefined
  /** The folder that gets the plots. */
  plots: string | undefined
}

/**
 * The options of the command line.
 * @throws Error with one line that says what is wrong
 */
export function benchOptions(args: string[], tmp: string): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      only: { type: 'string' },
      dir: { type: 'string', default: tmp },
      disk: { type: 'string', default: 'dir' },
      node: { type: 'string', default: process.execPath },
      against: { type: 'string' },
      json: { type: 'string' },
      plots: { type: 'string' },
    },
  })
  const { quick, rounds = quick ? '1' : '5', dir, disk, node, against, json, plots } = values
  if (!/^[1-9]\d{0,3}$/.test(rounds)) throw new Error(`--rounds must be a whole number from 1, not ${rounds}`)
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`--dir must be a folder; ${dir} is none`)
  if (!DISKS.includes(disk)) throw new Error(`--disk knows ${DISKS.join(', ')}, not '${disk}'`)
  if (!nodeVersion(node)) throw new Error(`--node must be a Node program; ${node} is none`)
  const before = against === undefined ? [] : [buildBefore(node, resolve(against))]
  return {
    quick,
    rounds: Number(rounds),
    scenes: scenesOf(values.only, allScenes(quick)),
    dir: realpathSync(dir),
    fresh: disk === 'fresh',
    builds: [buildOf(node), ...before],
    json,
    plots,
  }
}

/** Another checkout, which has to be built. */
function buildBefore(node: string, checkout: string): Build {
  const manifest = join(checkout, 'package.json')
  const build = existsSync(manifest) ? buildOf(node, checkout, 'before') : undefined
  if (build && existsSync(build.library)) return build
  throw new Error(`--against must be a built checkout; ${build?.library ?? manifest} is not there`)
}

/** A name is that of a scene, or of all with the same word before the colon; without names, those of the table. */
function scenesOf(only: string | undefined, scenes: Scene[]): Scene[] {
  if (only === undefined) return scenes.filter(({ extra }) => !extra)
  const names = only.split(',')
  const isMeant = (scene: Scene, name: string) => scene.name === name || scene.name.split(':')[0] === name
  const unknown = names.find((name) => !scenes.some((scene) => isMeant(scene, name)))
  if (unknown !== undefined)
    throw new Error(`--only knows ${scenes.map(({ name }) => name).join(', ')}, not '${unknown}'`)
  return scenes.filter((scene) => names.some((name) => isMeant(scene, name)))
}

/** What a Node program says of itself; undefined if it is none. */
export function nodeVersion(path: string): string | undefined {
  return /^v(\d+\.\d+\.\d+\S*)\s*$/.exec(
    spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? '',
  )?.[1]
}
