import { basename, join } from 'node:path'
import test from 'ava'
import { temporary } from '../helpers/folders.js'
import { sameTree } from '../helpers/same-tree.js'
import { makeSmall } from './data.js'
import { peerOf, runPair } from './pair.js'

const build = { node: process.execPath, peer: peerOf() }

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
