import { once } from 'node:events'
import test from 'ava'
import { updateJson, writeFileAtomic } from '../../lib/files/index.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { Machine } from '../helpers/machine.js'

// A sync fails; what it was to write stays in doubt, whatever a later sync says. Whoever does it all again, and is told
// that it is done, can rely on it.

interface Scene {
  set: (disk: MemoryDisk) => void
  work: (disk: MemoryDisk) => Promise<unknown>
  /** What is wrong with a disk that was found after a power cut, once the work was done again. */
  wrong: (files: Map<string, string>) => string | undefined
}

const machine = new Machine()
const system = machine.start(1)

const SCENES: Record<string, Scene> = {
  'a replacement': {
    set: (disk) => disk.put('/d/file', 'old'),
    work: (fs) => writeFileAtomic('/d/file', 'new', { fs }),
    wrong: (files) => (files.get('/d/file') === 'new' ? undefined : 'the file'),
  },
  'a new file with a backup of the old one': {
    set: (disk) => disk.put('/d/file', 'old'),
    work: (fs) => writeFileAtomic('/d/file', 'new', { fs, backup: 2 }),
    wrong: (files) =>
      files.get('/d/file') === 'new' && [...files.values()].includes('old') ? undefined : 'the backup',
  },
  'a file in new folders': {
    set: (disk) => disk.putFolder('/d'),
    work: (fs) => writeFileAtomic('/d/e/f/file', 'new', { fs, makeParents: true }),
    wrong: (files) => (files.get('/d/e/f/file') === 'new' ? undefined : 'the file'),
  },
  'an update': {
    set: (disk) => disk.put('/d/file', '[]'),
    work: (fs) => updateJson<string[]>('/d/file', () => ['new'], { fs, system, indent: 0 }),
    wrong: (files) => (files.get('/d/file')?.includes('new') ? undefined : 'the update'),
  },
}

for (const [name, { set, work, wrong }] of Object.entries(SCENES)) {
  test(`after a sync that failed nothing is lost that was done again: ${name}`, async (t) => {
    let failed = 0
    for (let nth = 1; ; nth++) {
      const disk = new MemoryDisk({ crashes: true })
      set(disk)
      disk.syncAll()
      disk.fail({ call: 'fsync', nth, error: 'EIO' })
      let syncs = 0
      disk.hook = ({ call }) => {
        if (call === 'fsync') syncs++
      }
      await work(disk).catch(() => failed++)
      disk.heal()
      if (syncs < nth) break
      await work(disk)
      for (let seed = 0; seed < 40; seed++) {
        const files = new Map([...disk.crash(seed).snapshot()].map(([path, text]) => [path, `${text}`]))
        t.is(wrong(files), undefined, `sync ${nth}, seed ${seed}: ${[...files].join(' ')}`)
      }
    }
    t.true(failed > 0)
  })
}

test('whoever finds a folder that another one just made does not rely on the sync of that one', async (t) => {
  const disk = new MemoryDisk({ crashes: true })
  disk.putFolder('/d')
  disk.syncAll()
  let goOn = () => {}
  const waits = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const stopped = new AbortController()
  disk.delay = ({ call, path }) => {
    // the first one has made the folder, and stops before its sync
    if (call !== 'open' || path !== '/' || stopped.signal.aborted) return undefined
    stopped.abort()
    return waits
  }
  const first = writeFileAtomic('/d/e/first', 'first', { fs: disk, makeParents: true })
  await once(stopped.signal, 'abort')
  await writeFileAtomic('/d/e/second', 'second', { fs: disk, makeParents: true })
  for (let seed = 0; seed < 50; seed++)
    t.is(disk.crash(seed).snapshot().get('/d/e/second')?.toString(), 'second')
  goOn()
  await first
})

test('a folder above that may not be looked into is nothing to fail for, if the one in it was there', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/home/me')
  const write = () => writeFileAtomic('/home/me/file', 'text', { fs: disk, makeParents: true })
  disk.fail({ call: 'open', path: '/home/', error: 'EACCES' })
  await write()
  disk.fail({ call: 'open', path: '/home/', error: 'EIO' })
  await t.throwsAsync(write(), { code: 'ERR_WRITE' })
})
