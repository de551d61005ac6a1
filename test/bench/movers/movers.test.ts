import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { temporary } from '../../helpers/folders.js'
import { sameTree } from '../../helpers/same-tree.js'
import type { Sample } from '../figures/usage.js'
import { makeFiles, makeLarge } from '../work/work.js'
import { buildOf } from './build.js'
import { command } from './command.js'
import { library, programs } from './library.js'
import type { Job, Mover } from './mover.js'
import { secondsIn } from './processes.js'
import { rsync } from './rsync.js'
import { tarThroughNc } from './tar.js'

const node = process.execPath
const build = buildOf(node)

/** A job, with what `make` puts into the source. */
async function jobWith(t: ExecutionContext, make: (source: string) => void): Promise<Job> {
  const scratch = await temporary(t)
  const job = { source: join(scratch, 'source'), target: join(scratch, 'target'), scratch }
  await mkdir(job.target)
  make(job.source)
  return job
}

const arrived = ({ source, target }: Job) => sameTree(source, join(target, basename(source))).differences

function isMeasured(t: ExecutionContext, { wall, wallWithStart, usage }: Sample): void {
  t.true(wall > 0 && wall <= wallWithStart, `${wall}, ${wallWithStart}`)
  t.deepEqual(Object.keys(usage), ['sender', 'receiver'])
  for (const { cpu, cpuWithStart, peak } of Object.values(usage)) {
    t.true(cpu >= 0 && cpu <= cpuWithStart, `${cpu}, ${cpuWithStart}`)
    // of programs that are not of Node only Linux tells it
    if (process.platform === 'linux') t.true(peak > 0)
  }
}

const ALL: Mover[] = [
  library(build, 'library'),
  command(build, 'command'),
  command(build, 'command, secure', { secure: true }),
  programs('tar-fs', { node, program: { kind: 'tar-fs' } }),
  rsync(),
  tarThroughNc,
]
for (const mover of ALL)
  test.serial(`a folder arrives, and is measured: ${mover.name}`, async (t) => {
    const reason = await mover.missing?.()
    if (reason !== undefined) {
      t.log(reason)
      return t.pass()
    }
    // of a program that ends at once Linux may tell no memory at all
    const size = mover === tarThroughNc ? 20_000_000 : 100
    const job = await jobWith(t, (source) => makeFiles(source, 3, size))
    isMeasured(t, await mover.move(job))
    t.deepEqual(arrived(job), [])
  })

test.serial('a file arrives through a Node pipeline with a digest at both ends', async (t) => {
  const job = await jobWith(t, (source) => makeLarge(source, 300_000))
  isMeasured(t, await programs('pipeline', { node, program: { kind: 'pipeline' } }).move(job))
  t.deepEqual(arrived(job), [])
})

test.serial('the start of the command is no part of its time, nor of its processor time', async (t) => {
  const job = await jobWith(t, (source) => makeFiles(source, 3, 100))
  const { wall, wallWithStart, usage } = await command(build, 'command').move(job)
  t.true(wall < wallWithStart)
  for (const { cpu, cpuWithStart } of Object.values(usage)) t.true(cpu < cpuWithStart)
})

test.serial('the event-loop delay is measured where it is asked for', async (t) => {
  const job = await jobWith(t, (source) => makeFiles(source, 3, 100))
  const { usage } = await library(build, 'library', { delay: true }).move(job)
  for (const { delay } of Object.values(usage)) t.true(delay!.longest >= 0)
})

for (const mover of [command(build, 'command'), library(build, 'library')])
  test.serial(
    `over a line that takes its time all arrives, later, and is counted: ${mover.name}`,
    async (t) => {
      const job = await jobWith(t, (source) => makeLarge(source, 1_000_000))
      const { wall, bytes } = await mover.move({ ...job, link: { delay: 50, rate: 4e6 } })
      t.true(bytes! > 1_000_000)
      // the bytes at that rate, and at least once there and back
      t.true(wall > 0.25 + 0.1, `${wall} s`)
      t.deepEqual(arrived(job), [])
    },
  )

test.serial('what an interrupted transfer leaves is a part, with which the next one goes on', async (t) => {
  const job = await jobWith(t, (source) => makeLarge(source, 8 * 2 ** 20))
  const mover = command(build, 'command')
  const standing = join(job.target, 'source')
  await mkdir(standing)
  await writeFile(join(standing, 'large.bin'), Buffer.alloc(6 * 2 ** 20))
  await mover.interrupt!(job)
  t.deepEqual(await readdir(standing), ['large.bin.part'])
  const { bytes } = await mover.move({ ...job, link: {} })
  t.true(bytes! < 7 * 2 ** 20, `${bytes} bytes`)
  t.deepEqual(arrived(job), [])
})

test.serial('a command that fails ends the run with what it said', async (t) => {
  const job = await jobWith(t, () => {})
  await t.throwsAsync(command(build, 'command').move(job), { message: /^sluice send ended with 2: .*source/ })
})

test.serial('the seconds of a shell are those of itself and of its children', (t) => {
  t.is(secondsIn('0m0.25s 0m0.50s\n1m2.000000s 0m0.250000s\n'), 63)
})
