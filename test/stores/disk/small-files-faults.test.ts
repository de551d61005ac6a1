import test from 'ava'
import { collectAll } from '../../helpers/collect-all.js'
import {
  checkArrived,
  checkNothingLeft,
  checkScene,
  receiveScene,
  setScene,
} from '../../helpers/columns-scene.js'
import { WAYS } from '../../helpers/naming.js'
import { scale } from '../../helpers/scale.js'
import { FAULTS, type Fault, faultSweep } from '../../helpers/sweep.js'

const all: Fault[] = [...FAULTS, { error: 'EROFS' }]

for (const [way, options] of Object.entries(WAYS)) {
  for (const durability of ['crash', 'power'] as const) {
    const how = `${way} with ${durability}`
    test(`${how}: any call of a receive of small files may fail in any way`, async (t) => {
      let atOnce = 0
      const { runs } = await faultSweep({
        options,
        faults: all,
        step: scale(durability === 'power' ? 89 : 79, 1, durability === 'power' ? 5 : 4),
        set: setScene,
        work: async (disk) => {
          const { hook } = disk
          disk.hook = (event) => {
            hook?.(event)
            if (event.sync) atOnce++
          }
          return receiveScene(disk, { durability })
        },
        look: (disk, result, place) => {
          const { told, error } = result as Awaited<ReturnType<typeof receiveScene>>
          checkScene(disk, told, place)
          if (!error?.code) throw new Error(`no code: ${error?.stack}; ${place}`)
        },
        recover: async (disk, place) => {
          await collectAll(disk, '/dst')
          checkNothingLeft(disk, `collected; ${place}`)
          checkArrived(disk, await receiveScene(disk, { durability }), `run again; ${place}`)
          checkNothingLeft(disk, `run again; ${place}`)
        },
      })
      t.log(`${runs} runs`)
      t.is(atOnce > 0, options.sync)
    })
  }
}
