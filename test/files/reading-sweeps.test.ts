import test from 'ava'
import { isSluiceError, SluiceError } from '../../lib/errors.js'
import { checkFile, readAudit, readFileRetry } from '../../lib/files/index.js'
import type { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'
import { scale } from '../helpers/scale.js'
import { faultSweep } from '../helpers/sweep.js'

// What only reads fails at every call: it says so or gives what stands there, leaves nothing open, changes nothing.

const TEXT = JSON.stringify({ text: 'of several pieces '.repeat(50) })
const RECORDS = ['a', 'b'].map((path) =>
  JSON.stringify({
    time: '2020-01-01T00:00:00.000Z',
    session: 's',
    operation: 'write',
    path,
    status: 'ok',
    duration: 1,
  }),
)

const READERS: Record<string, (fs: MemoryDisk) => Promise<string>> = {
  readFileRetry: async (fs) => {
    return `${await readFileRetry('/d/file', { fs, clock: new FakeClock({ auto: true }), attempts: 2 })}`
  },
  checkFile: async (fs) => {
    const schema = { type: 'object' }
    const { failed } = await checkFile('/d/file', { fs, size: TEXT.length, format: 'json', schema })
    if (failed[0]) throw new SluiceError('ERR_SOURCE_READ', failed[0].message)
    return TEXT
  },
  readAudit: async (fs) => {
    const found: string[] = []
    for await (const { path } of readAudit('/d/log', { fs })) found.push(path)
    return found.join() === 'a,b' ? TEXT : found.join()
  },
}

for (const [name, read] of Object.entries(READERS)) {
  test(`every call of ${name} fails: it says so, or gives what stands there`, async (t) => {
    const { runs } = await faultSweep({
      set: (disk) => {
        disk.put('/d/file', TEXT)
        disk.put('/d/log', `${RECORDS.join('\n')}\n`)
      },
      work: read,
      look: (disk, result, place) => {
        if (result instanceof Error ? !isSluiceError(result) : result !== TEXT) throw new Error(place)
        if (disk.list().length !== 3) throw new Error(`${place}: ${disk.list()}`)
      },
    })
    t.log(`${runs} runs`)
    t.true(runs > scale(6, 60))
  })
}
