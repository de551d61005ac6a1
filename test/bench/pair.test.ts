import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import test from 'ava'
import { temporary } from '../helpers/folders.js'
import { sameTree } from '../helpers/same-tree.js'
import { makeSmall } from './data.js'
import { buildOf, COMMAND, runPair } from './pair.js'

const build = buildOf(process.execPath)

for (const delay of [false, true])
  test(`a pair of processes transfers a folder and says what it took, ${delay ? 'with' : 'without'} the event-loop delay`, async (t) => {
    const dir = await temporary(t)
    const source = join(dir, 'source')
    const target = join(dir, 'target')
    makeSmall(source, 3, () => 100)
    const { wall, send, receive } = await runPair({ build, program: 'blake3', source, target, delay })
    t.deepEqual(sameTree(source, join(target, basename(source))).differences, [])
    t.true(wall > 0)
    for (const usage of [send, receive]) {
      t.true(usage.cpu > 0 && usage.cpu < usage.cpuWithStart)
      t.true(usage.peak > 0)
      t.is(usage.delay !== undefined, delay)
    }
  })

test('the command is run as it is installed, and says what it took from its start on', async (t) => {
  const dir = await temporary(t)
  const source = join(dir, 'source')
  const target = join(dir, 'target')
  makeSmall(source, 3, () => 100)
  const { wall, send, receive } = await runPair({ build, program: COMMAND, source, target })
  t.deepEqual(sameTree(source, join(target, basename(source))).differences, [])
  t.true(wall > 0)
  for (const usage of [send, receive]) {
    t.true(usage.cpu > 0)
    t.is(usage.cpu, usage.cpuWithStart)
    t.true(usage.peak > 0)
  }
})

test('the command of a build is the one that its package.json names', async (t) => {
  const dir = await temporary(t)
  await writeFile(join(dir, 'package.json'), JSON.stringify({ bin: { sluice: 'elsewhere/main.js' } }))
  t.is(buildOf('node', dir).command, join(dir, 'elsewhere/main.js'))
})

test('a command that fails ends the run with what it said', async (t) => {
  const dir = await temporary(t)
  const run = runPair({ build, program: COMMAND, source: join(dir, 'none'), target: join(dir, 'target') })
  await t.throwsAsync(run, { message: /^sluice send ended with 2: .*none/ })
})
