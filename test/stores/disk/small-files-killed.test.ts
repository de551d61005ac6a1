import test from 'ava'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import type { Outcome } from '../../../lib/wire/outcome.js'
import { collectAll } from '../../helpers/collect-all.js'
import {
  checkArrived,
  checkNothingLeft,
  checkScene,
  receiveScene,
  setScene,
} from '../../helpers/columns-scene.js'
import { killedAt } from '../../helpers/kill-sweep.js'
import { WAYS } from '../../helpers/naming.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep } from '../../helpers/sweep.js'

for (const [how, options] of Object.entries(WAYS)) {
  test(`${how}: a receive of small files may be killed at any call, and so may the collecting after it`, async (t) => {
    let states = 0
    let isOver = false
    for (let at = 1; !isOver; at += scale(3, 2, 2)) {
      // another beginning at each call, so that together they meet every call of the collecting
      const step = scale(51, 7, 13)
      for (let then = 1 + (at % step), collected = false; !collected; then += step) {
        const place = `killed at call ${at}, and at call ${then} of the collecting`
        const disk = new MemoryDisk(options)
        setScene(disk)
        const told: Outcome[] = []
        const died = await killedAt(disk, at, (fs) =>
          receiveScene(fs, {
            onOutcome: (batch) => {
              told.push(...batch)
            },
          }),
        )
        isOver = !died
        const acknowledged = [...told]
        checkScene(disk, acknowledged, place)
        collected = !(await killedAt(disk, then, (fs) => collectAll(fs, '/dst')))
        checkScene(disk, acknowledged, place)
        if (collected) {
          // a process that died has no handles
          const found = disk.list()
          await collectAll(disk, '/dst')
          t.deepEqual(disk.list(), found, `${place}: the second time there is something left`)
        } else await collectAll(disk, '/dst')
        checkScene(disk, acknowledged, place)
        checkNothingLeft(disk, place)
        checkArrived(disk, await receiveScene(disk), place)
        checkNothingLeft(disk, place)
        states++
        if (at % scale(25, 1, 3) > 0) break
      }
    }
    t.log(`${states} states`)
    t.true(states > scale(20, 50))
  })

  test(`${how}: the power is cut at any call of a receive of small files that is to survive it`, async (t) => {
    const { states } = await crashSweep({
      options,
      seeds: scale(2, 8),
      again: scale(0, 1),
      set: setScene,
      work: (disk) => receiveScene(disk, { durability: 'power' }),
      recover: (disk) => collectAll(disk, '/dst'),
      look: async (found, acknowledged, place) => {
        checkScene(found, [], place)
        checkNothingLeft(found, place)
        if (acknowledged) checkArrived(found, await receiveScene(found), place)
      },
    })
    t.log(`${states} states`)
    t.true(states > scale(30, 100))
  })
}
