import test from 'ava'
import { FileTransaction, recoverTransactions } from '../../../lib/files/index.js'
import type { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep } from '../../helpers/sweep.js'
import { eachAnother, freshOf, SCENARIOS, type Scenario, stateOf } from './scenarios.js'

// The power is cut before each call of a transaction, and of the recovery: afterwards all is old, or all is new.

const [FIRST] = Object.keys(SCENARIOS)

async function sweep(name: string, { set, run }: Scenario) {
  const processes = eachAnother()
  const old = stateOf(set)
  let fresh = ''
  return crashSweep({
    set,
    // a recovery has more calls than the transaction: cut each of them, too, only for the shortest one in the short run
    seeds: scale(name === FIRST ? 1 : 2, 12, name === FIRST ? 5 : 10),
    again: scale(name === FIRST ? 1 : 0, 1),
    work: async (disk) => {
      const transaction = await FileTransaction.begin('/d', { fs: disk, system: processes() })
      await run(transaction)
      await transaction.commit()
      fresh = stateOf(disk)
    },
    recover: (disk) => recoverTransactions('/d', { fs: disk, system: processes() }),
    look: (found: MemoryDisk, acknowledged, place) => {
      const state = stateOf(found)
      if (state === fresh || (!acknowledged && state === old)) return
      throw new Error(`${place}, ${acknowledged ? 'acknowledged' : 'not acknowledged'}:\n${state}`)
    },
  })
}

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  test(`a power cut at any call of a transaction, and of its recovery, leaves all old or all new: ${name}`, async (t) => {
    const { states } = await sweep(name, scenario)
    t.log(`${states} states`)
    t.true(states > scale(15, 50))
  })
}

test('a transaction that fails halfway is undone, and stays so in a power cut once it has said so', async (t) => {
  const scenario = SCENARIOS['created, replaced, deleted, moved and copied, across folders']!
  const { set, run } = scenario
  const fresh = await freshOf(scenario)
  const processes = eachAnother()
  const old = stateOf(set)
  const { states } = await crashSweep({
    set,
    seeds: scale(4, 30),
    again: 0,
    work: async (disk) => {
      disk.fail({ call: 'rename', path: '/d/b/moved', error: 'EIO' })
      const transaction = await FileTransaction.begin('/d', { fs: disk, system: processes() })
      await run(transaction)
      await t.throwsAsync(transaction.commit(), { code: 'ERR_WRITE' })
      if (stateOf(disk) !== old) throw new Error(`not undone:\n${stateOf(disk)}`)
    },
    recover: (disk) => {
      disk.heal()
      return recoverTransactions('/d', { fs: disk, system: processes() })
    },
    look: (found, acknowledged, place) => {
      const state = stateOf(found)
      // before the failure was written down the recovery goes forward
      if (state !== old && (acknowledged || state !== fresh)) throw new Error(`${place}:\n${state}`)
    },
  })
  t.true(states > scale(15, 50))
})
