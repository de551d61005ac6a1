import test from 'ava'
import {
  checkFile,
  readFileRetry,
  removeOrphans,
  temporaryName,
  writeFileAtomic,
  writeJson,
} from '../../lib/files/index.js'
import { thisOwner } from '../../lib/files/own/owner.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'

test('KNOWN-FAILURES 48: zero is a number like any other, and not none', async (t) => {
  const disk = new MemoryDisk({ now: () => 0 })
  disk.put('/d/file', 'x')
  const seen: number[] = []
  await writeFileAtomic('/d/file', 'x', {
    fs: disk,
    mode: 0,
    backup: 0,
    now: () => 0,
    progress: (n) => seen.push(n),
  })
  t.is((await disk.stat('/d/file')).mode & 0o777, 0)
  t.deepEqual(disk.list(), ['/d/', '/d/file'])
  t.deepEqual(seen, [1])
  const { backup } = await writeFileAtomic('/d/file', 'y', {
    fs: disk,
    backup: 1,
    now: () => 0,
    replaceReadOnly: true,
  })
  t.regex(backup!, /\.19700101T000000000Z\./)
  await writeJson('/d/zero.json', 0, { fs: disk, indent: 0, schema: { const: 0 } })
  t.is(`${disk.snapshot().get('/d/zero.json')}`, '0\n')

  for (const option of ['size', 'maxSize'] as const) {
    const { failed } = await checkFile('/d/file', { fs: disk, [option]: 0 })
    t.like(failed[0], { check: 'size', expected: 0, found: 1 })
  }
  await t.throwsAsync(readFileRetry('/d/file', { fs: disk, maxBytes: 0 }), { code: 'ERR_LIMIT' })
  const clock = new FakeClock({ auto: true })
  disk.fail({ call: 'open', error: 'EBUSY' })
  t.is(`${await readFileRetry('/d/file', { fs: disk, clock, delay: 0 })}`, 'y')
  t.is(clock.now(), 0)

  const system = { pid: 1, hostname: () => 'here', read: () => undefined, isAlive: () => false }
  disk.put(`/o/${temporaryName({ owner: { ...thisOwner(system), pid: 2 } })}`, '')
  const { count } = await removeOrphans('/o', { fs: disk, system, olderThan: 0, now: () => 0 })
  t.is(count, 1)
})
