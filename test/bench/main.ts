// npm run bench [-- --quick] [--runs 5] [--only large,small,memory,delay,profile,atomic,again,secure] [--dir FOLDER]
// [--disk fresh]
//   [--node PROGRAM] [--against CHECKOUT]
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { compareAgain } from './again.js'
import { COMPARABLE, compareBuilds } from './against.js'
import { compareAtomic } from './atomic.js'
import { type Load, makeLoad } from './data.js'
import { compareDelay } from './delay.js'
import { freshDisk, type Place, plainFolder } from './disk.js'
import { compareFirstByte } from './first-byte.js'
import { compareMemory } from './memory.js'
import { benchOptions, nodeVersion, type Part } from './options.js'
import { COMMAND } from './pair.js'
import { profile } from './profile.js'
import { rsyncVersion } from './rsync.js'
import { compareSecure } from './secure.js'
import { compareSpeed } from './speed.js'

const options = optionsOrExit()
const { quick, rounds, parts, build, against } = options

const log = (line: string) => process.stderr.write(`${line}\n`)
const print = (text: string) => process.stdout.write(`${text}\n`)

for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

print(
  `Node ${nodeVersion(build.node)}, ${process.platform}, ${cpus().length} processors, ${Math.round(totalmem() / 1e9)} GB, load ${loadavg()[0]!.toFixed(1)}, ${rounds} rounds`,
)
if (against) print(`before: ${commit(against.checkout)}; after: ${commit(dirname(build.peer))}`)
const rsync = rsyncVersion()
if (parts.has('large') || parts.has('small') || parts.has('again'))
  print('missing' in rsync ? rsync.missing : `rsync ${rsync.version}`)
const withRsync = 'version' in rsync

let { fresh } = options
for (const part of parts) {
  const { folder, close } = await place()
  print(`\n${await measure(part, folder)}`)
  await close()
}

/** The text of one part. */
async function measure(part: Part, scratch: string): Promise<string> {
  const both = COMPARABLE.find((name) => name === part)
  if (against && both)
    return compareBuilds(both, scratch, { before: against.build, after: build }, withRsync, options, log)
  const source = join(scratch, 'source')
  mkdirSync(source)
  switch (part) {
    case 'large':
    case 'small':
      return withLoad(part, source, '', (folder) =>
        compareSpeed(folder, scratch, build, withRsync, rounds, log),
      )
    case 'memory':
      return `### Memory\n\n${await compareMemory(source, scratch, build, ['blake3', COMMAND], quick, log)}`
    case 'delay':
      return `### Event-loop delay\n\n${await compareDelay(source, scratch, build, ['tar', 'blake3', 'sha256'], ['blake3, 200 ms per write'], quick, log)}`
    case 'profile': {
      const run = (folder: string) => profile(build, 'blake3', folder, scratch)
      const title = 'Where the time goes: '
      return `${await withLoad('large', source, title, run)}\n\n${await withLoad('small', source, title, run)}`
    }
    case 'atomic':
      return `### Atomic writes\n\n${await compareAtomic(scratch, rounds, quick, log)}`
    case 'secure': {
      const run = (folder: string) => compareSecure(folder, scratch, build, rounds, log)
      return withLoad('large', source, 'The secure channel: ', run)
    }
    case 'again':
      return `### The same again\n\n${await compareAgain(scratch, build, withRsync, rounds, quick, log)}\n\nTime to the first new byte of a file, nine tenths of which are there:\n\n${await compareFirstByte(rounds, log)}`
  }
}

/** Runs with one of the main loads, and puts a title above what comes of it. */
async function withLoad(
  load: Load,
  source: string,
  before: string,
  run: (folder: string) => Promise<string>,
) {
  const folder = join(source, load)
  const title = makeLoad(load, folder, quick)
  const text = await run(folder)
  rmSync(folder, { recursive: true })
  return `### ${before}${title}\n\n${text}`
}

/** Where the data of the next part is: each gets a new disk, if there are any, since the one before has left traces. */
async function place(): Promise<Place> {
  if (fresh) {
    try {
      return await freshDisk(options.dir)
    } catch (error) {
      print(`no fresh disk, the data is in a folder of --dir: ${(error as Error).message}`)
      fresh = false
    }
  }
  return plainFolder(options.dir)
}

/** The commit of a checkout, for the reader of the figures; nothing depends on it. */
function commit(checkout: string): string {
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
