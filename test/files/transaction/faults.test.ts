import test from 'ava'
import { SluiceError } from '../../../lib/errors.js'
import { FileTransaction, recoverTransactions, type TransactionResult } from '../../../lib/files/index.js'
import type { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { scale } from '../../helpers/scale.js'
import { faultSweep } from '../../helpers/sweep.js'
import { eachAnother, freshOf, SCENARIOS, stateOf } from './scenarios.js'

// Each call of a transaction, and of a recovery, fails in each way: what is said of the outcome is true.

/** What is ours: temporary files, locks, intents. */
const isOurs = (line: string) => line.includes('.sluice')
const visible = (disk: MemoryDisk) =>
  stateOf(disk)
    .split('\n')
    .filter((line) => !isOurs(line))
    .join('\n')

/** The lines of a state that are no folders. */
const filesIn = (state: string) =>
  state
    .split('\n')
    .filter((line) => !line.endsWith('/ '))
    .join('\n')

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  test(`any call of a transaction may fail, and what it says of the outcome is true: ${name}`, async (t) => {
    const { set, run } = scenario
    const old = stateOf(set)
    const fresh = await freshOf(scenario)
    const outcomes = new Map<string, number>()
    const processes = eachAnother()
    const { runs } = await faultSweep({
      step: scale(26, 1, 2),
      set,
      work: async (disk) => {
        await using transaction = await FileTransaction.begin('/d', { fs: disk, system: processes() })
        await run(transaction)
        return transaction.commit()
      },
      recover: (disk) => recoverTransactions('/d', { fs: disk, system: processes() }),
      look: (disk, result, place) => {
        const recovered = place.startsWith('after recovery')
        const state = recovered ? stateOf(disk) : visible(disk)
        const code = result instanceof SluiceError ? result.code : result instanceof Error ? 'other' : 'done'
        if (!recovered) outcomes.set(code, (outcomes.get(code) ?? 0) + 1)
        const unknown = code === 'ERR_OUTCOME_UNKNOWN'
        const undone = code === 'ERR_TRANSACTION'
        const fail = (why: string) => {
          throw new Error(`${why}; ${place}:\n${state}`)
        }
        if (code === 'other') throw result
        // the folders that are empty then go last: where the disk fails, that is said, and the recovery does it
        const isLate = !recovered && (result as TransactionResult).warnings?.length > 0
        const isFresh = isLate ? filesIn(state) === filesIn(fresh) : state === fresh
        if (code === 'done' && !isFresh) fail('said to be done, but is not all new')
        if (code !== 'done' && !unknown && !undone && state !== old) fail('failed, but is not all old')
        if (recovered && undone && state !== old) fail('not undone by the recovery')
        if (recovered && unknown && state !== old && state !== fresh) fail('neither all old nor all new')
      },
    })
    t.log(`${runs} runs: ${JSON.stringify(Object.fromEntries(outcomes))}`)
    t.true(runs > scale(30, 100))
  })
}
