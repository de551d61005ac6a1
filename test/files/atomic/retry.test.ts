import test from 'ava'
import {
  AtomicFile,
  type AtomicWriteOptions,
  createAtomicWriteStream,
  writeFileAtomic,
  writeJson,
  writeYaml,
} from '../../../lib/files/index.js'
import type { DiskCall } from '../../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'

/** A clock that goes on by itself, and says which pauses were made. */
class PausingClock extends FakeClock {
  readonly pauses: number[] = []

  constructor() {
    super({ auto: true })
  }

  override after(ms: number, callback: () => void): () => void {
    this.pauses.push(ms)
    return super.after(ms, callback)
  }
}

/** What writes `1` into the file at /d/a. */
const WRITES: Record<string, (options: AtomicWriteOptions) => Promise<unknown>> = {
  writeFileAtomic: (options) => writeFileAtomic('/d/a', '1', options),
  'writeFileAtomic of pieces': (options) => writeFileAtomic('/d/a', ['1'], options),
  writeJson: (options) => writeJson('/d/a', 1, options),
  writeYaml: (options) => writeYaml('/d/a', 1, options),
  createAtomicWriteStream: (options) => {
    const stream = createAtomicWriteStream('/d/a', options)
    stream.on('error', () => {})
    return stream.end('1').result
  },
  AtomicFile: async (options) => {
    await using file = await AtomicFile.open('/d/a', options)
    await file.write('1')
    await file.commit()
  },
}

function disk(platform: NodeJS.Platform = 'linux'): MemoryDisk {
  const fs = new MemoryDisk({ platform })
  fs.put('/d/a', '0')
  return fs
}

const content = (fs: MemoryDisk) => `${fs.snapshot().get('/d/a')}`.trim()

for (const [name, write] of Object.entries(WRITES))
  for (const call of ['open', 'write', 'rename'] as DiskCall[])
    test(`${name}: what fails in ${call} and can pass is tried again, after growing pauses`, async (t) => {
      const fs = disk()
      for (let n = 0; n < 3; n++) fs.fail({ call, error: 'EBUSY' })
      const clock = new PausingClock()
      await t.throwsAsync(write({ fs, clock }), { code: 'ERR_WRITE' }, 'once without the option')
      t.deepEqual([content(fs), clock.pauses], ['0', []])
      fs.heal()
      for (let n = 0; n < 3; n++) fs.fail({ call, error: 'EBUSY' })
      await write({ fs, clock, retry: { attempts: 4, delay: 10, maxDelay: 25 } })
      t.deepEqual(clock.pauses, [10, 20, 25])
      t.is(content(fs), '1')
      t.deepEqual(fs.openHandles(), [])
      t.deepEqual(
        fs.list().filter((path) => path.endsWith('.sluice-tmp')),
        [],
      )
    })

test('it is tried so often and no more, and what cannot pass is not tried again', async (t) => {
  for (const [error, retry, pauses] of [
    ['EBUSY', { attempts: 3, delay: 0 }, 2],
    ['EBUSY', {}, 4],
    ['EBUSY', { attempts: 1 }, 0],
    ['EIO', {}, 0],
    ['ENOSPC', {}, 0],
    ['EPERM', {}, 0],
    ['ENOENT', {}, 0],
  ] as const) {
    const fs = disk()
    const clock = new PausingClock()
    fs.fail({ call: 'rename', error, once: false })
    await t.throwsAsync(writeFileAtomic('/d/a', '1', { fs, clock, retry }))
    t.is(clock.pauses.length, pauses, error)
    t.deepEqual(fs.list(), ['/d/', '/d/a'])
    t.is(content(fs), '0')
  }
})

test('a sync that failed is never tried again, whatever it says', async (t) => {
  for (const nth of [1, 2]) {
    const fs = disk()
    const clock = new PausingClock()
    let syncs = 0
    fs.hook = ({ call }) => {
      if (call === 'fsync') syncs++
    }
    fs.fail({ call: 'fsync', error: 'EBUSY', nth })
    await t.throwsAsync(writeFileAtomic('/d/a', '1', { fs, clock, retry: {} }), { code: 'ERR_WRITE' })
    t.deepEqual([syncs, clock.pauses], [nth, []])
  }
})

test('on Windows it is also what another program holds open', async (t) => {
  const fs = disk('win32')
  const clock = new PausingClock()
  for (const error of ['EPERM', 'EACCES', 'EBUSY']) {
    fs.fail({ call: 'open', error })
    await t.throwsAsync(writeFileAtomic('/d/a', '1', { fs, clock }))
    fs.fail({ call: 'open', error })
    await writeFileAtomic('/d/a', '1', { fs, clock, retry: {} })
  }
  t.deepEqual(clock.pauses, [20, 20, 20])
})

test('a pause ends when the write is cancelled, and then nothing is tried any more', async (t) => {
  const fs = disk()
  const clock = new FakeClock()
  const controller = new AbortController()
  fs.fail({ call: 'rename', error: 'EBUSY', once: false })
  let tries = 0
  fs.hook = ({ call }) => {
    if (call === 'rename') tries++
  }
  const writing = writeFileAtomic('/d/a', '1', { fs, clock, retry: {}, signal: controller.signal })
  while (tries === 0) await new Promise((resolve) => setImmediate(resolve))
  controller.abort()
  await t.throwsAsync(writing, { code: 'ERR_CANCELLED' })
  t.is(tries, 1)
  t.deepEqual(fs.list(), ['/d/', '/d/a'])
})

test('pauses and attempts that are none are refused', async (t) => {
  const fs = disk()
  for (const retry of [{ attempts: 0 }, { attempts: 1.5 }, { delay: -1 }, { maxDelay: 'long' }, null, 3])
    await t.throwsAsync(writeFileAtomic('/d/a', '1', { fs, retry: retry as never }), {
      code: 'ERR_USAGE',
      message: /^retry/,
    })
})
