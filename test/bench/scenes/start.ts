import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { PROBE } from '../children/forked.js'
import type { CommandUsage } from '../children/probe.js'
import { NAMES } from '../figures/names.js'
import { now, type Sample } from '../figures/usage.js'
import { type Build, nameOf } from '../movers/build.js'
import type { Contender } from '../rounds.js'
import type { Scene } from './scene.js'

/** Starts in a row that are one run: one alone is over too soon. */
const STARTS = 10

/** What it takes until a process has started and ended, and until a module is imported. */
export const startScene: Scene = {
  name: 'start',
  title: 'The start of a process',
  contenders: async ({ builds }) => [
    { name: NAMES.node, run: () => starts(builds[0], ['-e', '0']) },
    ...builds.flatMap((build): Contender[] => [
      { name: nameOf(NAMES.version, build), run: () => starts(build, [build.command, '--version']) },
      ...['sluice', 'sluice/files'].map((module) => ({
        name: nameOf(`import '${module}'`, build),
        run: () => starts(build, ['--input-type=module', '-e', `import '${module}'`]),
      })),
    ]),
  ],
}

/** The mean of several starts; what the process used is that of one more, with the probe in it. */
async function starts(build: Build, args: readonly string[]): Promise<Sample> {
  const began = now()
  for (let i = 0; i < STARTS; i++) await start(build, args)
  const wall = (now() - began) / 1000 / STARTS
  const usage = JSON.parse(await start(build, ['--import', PROBE, ...args])) as CommandUsage
  return { wall, wallWithStart: wall, usage: { process: usage } }
}

/** @returns what it wrote into descriptor 3 */
async function start({ node, checkout }: Build, args: readonly string[]): Promise<string> {
  // there a package imports itself by its name
  const child = spawn(node, args, { cwd: checkout, stdio: ['ignore', 'pipe', 'inherit', 'pipe'] })
  child.stdout!.resume()
  const [said, [code]] = await Promise.all([text(child.stdio[3] as Readable), once(child, 'exit')])
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${code}`)
  return said
}
