import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import { recoverTransactions, type TransactionRecovery } from '../../../lib/files/index.js'
import type { ProcessSystem } from '../../../lib/files/own/owner.js'
import type { DiskEvent } from '../../../lib/testing/disk/disk-faults.js'
import type { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { scale } from '../../helpers/scale.js'
import { FAULTS } from '../../helpers/sweep.js'
import { again, eachAnother, freshOf, killed, SCENARIOS, stateOf } from './scenarios.js'

// A process died at any call; then the recovery meets power cuts and faults of its own.

const scenario = SCENARIOS['created, replaced, deleted, moved and copied, across folders']!
const old = stateOf(scenario.set)

/** So that half of it is done when it fails, and is undone. */
const failsHalfway = ({ call, to }: DiskEvent) => call === 'rename' && to === '/d/b/moved'

function expectWhole(state: string, fresh: string, place: string): void {
  if (state !== old && state !== fresh) throw new Error(`${place}:\n${state}`)
}

for (const [how, fails] of [
  ['goes forward', undefined],
  ['undoes what failed halfway', failsHalfway],
] as const) {
  test(`after a death at any call the power may be cut in the recovery, before the state was ever synced: it ${how}`, async (t) => {
    const fresh = await freshOf(scenario)
    const processes = eachAnother()
    const outcomes = new Set<string>()
    let states = 0
    const vital = await changesOfState(processes(), fails)
    for (let at = 1; ; at++) {
      if (at % scale(89, 1, 6) !== 0 && !vital.has(at)) continue
      const { disk, died } = await killed(scenario, processes(), at, fails)
      const cuts: { found: MemoryDisk; place: string }[] = []
      disk.hook = ({ call, path, number }) => {
        // other calls at each death
        if ((number + at) % scale(4, 1, 1) !== 0) return
        for (let seed = 0; seed < scale(1, 3); seed++)
          cuts.push({
            found: disk.crash(seed + number),
            place: `died at ${at}, cut before ${call} ${path}, ${seed}`,
          })
      }
      await recoverTransactions('/d', { fs: disk, system: processes() })
      disk.hook = undefined
      expectWhole(stateOf(disk), fresh, `died at ${at}`)
      outcomes.add(stateOf(disk) === old ? 'old' : 'new')
      for (const { found, place } of cuts) {
        await recoverTransactions('/d', { fs: found, system: processes() })
        expectWhole(stateOf(found), fresh, place)
        states++
      }
      if (!died) break
    }
    t.log(`${states} states`)
    t.deepEqual([...outcomes].sort(), ['new', 'old'])
  })

  test(`any call of a recovery may fail, and what it says is true: it ${how}`, async (t) => {
    const fresh = await freshOf(scenario)
    const processes = eachAnother()
    const said = new Map<string, number>()
    const step = scale(293, 43, 118)
    let runs = 0
    for (const before of await moments(processes, fails)) {
      for (const fault of FAULTS.filter((_, i) => i % scale(3, 1) === 0)) {
        for (let nth = 1 + (runs % step); ; nth += step) {
          const disk = again(before)
          disk.fail({ call: fault.short === undefined ? '*' : 'write', nth, ...fault })
          const calls = disk.calls
          const result = await recoverTransactions('/d', { fs: disk, system: processes() }).catch(
            (error: unknown) => error,
          )
          const made = disk.calls - calls
          disk.heal()
          runs++
          const place = `call ${nth}, ${JSON.stringify(fault)}: ${JSON.stringify(result)}`
          if (disk.openHandles().length > 0) throw new Error(`open: ${disk.openHandles()}; ${place}`)
          const what = outcome(result, place)
          said.set(what, (said.get(what) ?? 0) + 1)
          const state = visible(disk)
          const untrue = { completed: state !== fresh, discarded: state !== old, undone: state !== old }[what]
          if (untrue) throw new Error(`${what}? ${place}\n${state}`)
          await recoverTransactions('/d', { fs: disk, system: processes() })
          expectWhole(stateOf(disk), fresh, place)
          if (nth > made) break
        }
      }
    }
    t.log(`${runs} runs: ${JSON.stringify(Object.fromEntries(said))}`)
    t.true(said.get(fails ? 'undone' : 'completed')! > scale(5, 10))
    t.true(said.get('failed')! > scale(5, 10))
  })
}

const visible = (disk: MemoryDisk) =>
  stateOf(disk)
    .split('\n')
    .filter((line) => !line.includes('.sluice'))
    .join('\n')

/** The calls just behind one that changes the state of the intent: the change is not on the medium yet. */
async function changesOfState(
  system: ProcessSystem,
  fails?: (event: DiskEvent) => boolean,
): Promise<Set<number>> {
  const found = new Set<number>()
  let calls = 0
  await killed(scenario, system, Number.POSITIVE_INFINITY, (event) => {
    calls++
    if (event.call === 'rename' && event.to?.endsWith('.intent')) found.add(calls + 1)
    return fails?.(event) ?? false
  })
  return found
}

/**
 * Disks on which a process died at a call (the default run: at each so-manieth), while an intent stood there that a
 * recovery has to end.
 */
async function moments(
  processes: ReturnType<typeof eachAnother>,
  fails?: (event: DiskEvent) => boolean,
): Promise<MemoryDisk[]> {
  const calls: boolean[] = []
  await killed(scenario, processes(), Number.POSITIVE_INFINITY, (event, disk) => {
    calls.push(disk.list().some((path) => /\.(committed|prepared|aborting)\.intent$/.test(path)))
    return fails?.(event) ?? false
  })
  const found: MemoryDisk[] = []
  for (const [i, isOpen] of calls.entries())
    if (isOpen && i % scale(4, 1, 1) === 0)
      found.push(again((await killed(scenario, processes(), i + 1, fails)).disk))
  return found
}

function outcome(result: unknown, place: string): string {
  if (isSluiceError(result)) return result.code
  if (result instanceof Error) throw new Error(`not an error of ours: ${place}`)
  const { state, transactions } = result as TransactionRecovery
  const one = transactions[0]?.state ?? 'nothing'
  const isEnded = ['completed', 'discarded', 'undone'].includes(one)
  const whole = one === 'nothing' ? one : isEnded ? 'recovered' : 'unfinished'
  if (state !== whole) throw new Error(`all in all ${state}, but ${one}: ${place}`)
  return one
}
