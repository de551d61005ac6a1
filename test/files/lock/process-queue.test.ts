import test from 'ava'
import { FolderLock, type LockOptions, updateJson } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Machine } from '../../helpers/machine.js'

/** One process, and a clock that stands still. */
function scene() {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const clock = new FakeClock()
  const system = new Machine().start(1)
  const acquire = (options: LockOptions = {}) =>
    FolderLock.acquire('/d', { fs: disk, system, clock, timeout: 100, ...options })
  const turns = async () => {
    for (let n = 0; n < 50; n++) await new Promise(setImmediate)
  }
  return { disk, clock, acquire, turns }
}

test('a thousand updates of one file by one process wait for each other in order, and none asks the disk before its turn', async (t) => {
  const disk = new MemoryDisk()
  const count = async (n: number) => {
    const before = disk.calls
    const change = (i: number) => (all: number[] | undefined) => [...(all ?? []), i]
    const all = Array.from({ length: n }, (_, i) =>
      updateJson<number[]>(`/d/${n}.json`, change(i), { fs: disk, durability: 'crash' }),
    )
    await Promise.all(all)
    const found: number[] = JSON.parse(disk.snapshot().get(`/d/${n}.json`)!.toString())
    t.deepEqual(found, [...found.keys()])
    return disk.calls - before
  }
  disk.putFolder('/d')
  const two = await count(2)
  t.true((await count(1000)) <= 500 * two * 1.5)
})

test('the time of those that wait counts anew whenever one before them is done', async (t) => {
  const { clock, acquire, turns } = scene()
  const first = await acquire()
  const second = acquire()
  const third = acquire()
  await turns()
  clock.advance(90)
  await first.release()
  const holder = await second
  clock.advance(90)
  await turns()
  await holder.release()
  await t.notThrowsAsync((await third).release())
})

test('when nothing moves the time is over, and the holder is named; those behind go on waiting', async (t) => {
  const { clock, acquire, turns } = scene()
  const first = await acquire()
  const second = acquire()
  const third = acquire({ timeout: Number.POSITIVE_INFINITY })
  await turns()
  clock.advance(100)
  const error = await t.throwsAsync(second, { code: 'ERR_LOCKED', message: /by this process \(exclusive\)/ })
  t.is((error as Error & { found: unknown[] }).found.length, 1)
  await first.release()
  await (await third).release()
})

test('a signal ends the waiting of one, and the next one gets its turn', async (t) => {
  const { disk, clock, acquire, turns } = scene()
  const first = await acquire()
  const controller = new AbortController()
  const second = acquire({ signal: controller.signal })
  const third = acquire()
  await turns()
  controller.abort(new Error('enough'))
  await t.throwsAsync(second, { code: 'ERR_CANCELLED' })
  await first.release()
  await first.release()
  await (await third).release()
  t.is(clock.pending, 0)
  t.deepEqual(disk.list(), ['/d/'])
})

test('shared ones hold it beside each other, and one that fails passes its turn on', async (t) => {
  const { disk, acquire } = scene()
  const readers = await Promise.all([1, 2, 3].map(() => acquire({ mode: 'shared' })))
  for (const reader of readers) await reader.release()
  disk.fail({ call: 'rename', error: 'EIO' })
  const results = await Promise.allSettled([acquire(), acquire()])
  t.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  for (const one of results) if (one.status === 'fulfilled') await one.value.release()
  t.deepEqual(disk.list(), ['/d/'])
})
