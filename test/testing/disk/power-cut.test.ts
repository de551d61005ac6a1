import test from 'ava'
import { OPEN, writeFully } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

// What file systems are known to leave after a power cut can be found; and what none of them leaves cannot.

const LONG = 'a'.repeat(1200)

interface Known {
  work: (disk: MemoryDisk) => Promise<unknown>
  /** Each is found by some seed. */
  may: Record<string, (files: Map<string, string>, disk: MemoryDisk) => boolean | Promise<boolean>>
  /** Found by every seed. */
  must?: (files: Map<string, string>, disk: MemoryDisk) => boolean | Promise<boolean>
}

async function write(disk: MemoryDisk, path: string, text: string, sync = false): Promise<void> {
  const fd = await disk.open(path, OPEN.create)
  await writeFully(disk, fd, [Buffer.from(text)], 0)
  if (sync) await disk.fsync(fd)
  await disk.close(fd)
}

async function syncFolder(disk: MemoryDisk, path: string): Promise<void> {
  const fd = await disk.open(path, OPEN.folder)
  await disk.fsync(fd)
  await disk.close(fd)
}

async function updated(disk: MemoryDisk, act: (fd: number) => Promise<unknown>): Promise<void> {
  const fd = await disk.open('/d/old', OPEN.update)
  await act(fd)
  await disk.close(fd)
}

const KNOWN: Record<string, Known> = {
  'a new file that was not synced': {
    work: (disk) => write(disk, '/d/new', LONG),
    may: {
      'no name': (files) => !files.has('/d/new'),
      'a name without content': (files) => files.get('/d/new') === '',
      'the size before the data (zeros)': (files) => files.get('/d/new') === '\0'.repeat(1200),
      'a prefix that ends with a sector': (files) => files.get('/d/new') === LONG.slice(0, 1024),
      'a hole of a sector in the middle': (files) =>
        files.get('/d/new') === LONG.slice(0, 512) + '\0'.repeat(512) + LONG.slice(1024),
      'all of it': (files) => files.get('/d/new') === LONG,
    },
  },
  'an unsynced file renamed over another': {
    work: async (disk) => {
      await write(disk, '/d/new', LONG)
      await disk.rename('/d/new', '/d/old')
    },
    may: {
      'an empty file, and the old content gone': (files) =>
        files.get('/d/old') === '' && !files.has('/d/new'),
      'the old one': (files) => files.get('/d/old') === 'old',
      'the new one': (files) => files.get('/d/old') === LONG,
    },
    must: (files) => files.has('/d/old'),
  },
  'a synced file renamed over another': {
    work: async (disk) => {
      await write(disk, '/d/new', LONG, true)
      await disk.rename('/d/new', '/d/old')
    },
    may: {
      'the old one, and no trace of the new one': (files) =>
        files.get('/d/old') === 'old' && !files.has('/d/new'),
      'the new one': (files) => files.get('/d/old') === LONG,
    },
    must: (files) => files.get('/d/old') === 'old' || files.get('/d/old') === LONG,
  },
  'two renames, in folders of their own': {
    work: async (disk) => {
      await disk.rename('/d/old', '/d/moved')
      await disk.rename('/e/other', '/e/moved')
    },
    may: {
      'only the first': (files) => files.has('/d/moved') && files.has('/e/other'),
      'only the second': (files) => files.has('/d/old') && files.has('/e/moved'),
    },
    must: (files) => files.size === 3,
  },
  'a rename from one folder into another': {
    work: (disk) => disk.rename('/d/old', '/e/moved'),
    may: {
      'the old name': (files) => files.has('/d/old'),
      'the new name': (files) => files.has('/e/moved'),
    },
    must: (files) => files.has('/d/old') !== files.has('/e/moved'),
  },
  'a link, and the other name taken away': {
    work: async (disk) => {
      await disk.link('/d/old', '/d/linked')
      await disk.unlink('/d/old')
    },
    may: {
      'both names': (files) => files.has('/d/old') && files.has('/d/linked'),
      'neither name: only the second step was kept': (files) =>
        !files.has('/d/old') && !files.has('/d/linked'),
      'only the new name': (files) => !files.has('/d/old') && files.has('/d/linked'),
    },
  },
  'a synced file in a new folder that was synced, but is not in a synced one': {
    work: async (disk) => {
      await disk.mkdir('/d/folder')
      await write(disk, '/d/folder/new', LONG, true)
      await syncFolder(disk, '/d/folder')
    },
    may: {
      'neither the folder nor what is in it': (_files, disk) => !disk.list().includes('/d/folder/'),
      both: (files) => files.get('/d/folder/new') === LONG,
    },
    must: (files) => !files.has('/d/folder/new') || files.get('/d/folder/new') === LONG,
  },
  'a file cut to nothing and written anew': {
    work: (disk) =>
      updated(disk, async (fd) => {
        await disk.ftruncate(fd, 0)
        await writeFully(disk, fd, [Buffer.from('fresh')], 0)
      }),
    may: {
      'neither the old nor the new content': (files) => files.get('/d/old') === '',
      zeros: (files) => files.get('/d/old') === '\0'.repeat(5),
      'the old one': (files) => files.get('/d/old') === 'old',
      'the new one': (files) => files.get('/d/old') === 'fresh',
    },
  },
  'a mode and an owner that were not synced': {
    work: (disk) =>
      updated(disk, async (fd) => {
        await disk.fchown(fd, 5, 5)
        await disk.fchmod(fd, 0o4755)
      }),
    may: {
      'the mode without the owner': async (_files, disk) => {
        const { uid, mode } = await disk.stat('/d/old')
        return uid === 0 && (mode & 0o7777) === 0o4755
      },
      'the owner without the mode': async (_files, disk) => {
        const { uid, mode } = await disk.stat('/d/old')
        return uid === 5 && (mode & 0o7777) === 0o644
      },
    },
    must: (files) => files.get('/d/old') === 'old',
  },
  'a sync that failed, and one that did not': {
    work: (disk) =>
      updated(disk, async (fd) => {
        await writeFully(disk, fd, [Buffer.from('new')], 0)
        disk.fail({ call: 'fsync', error: 'EIO' })
        await disk.fsync(fd).catch(() => {})
        await disk.fsync(fd)
      }),
    may: {
      'the old content': (files) => files.get('/d/old') === 'old',
      'the new content': (files) => files.get('/d/old') === 'new',
    },
  },
  'a sync that failed after the file grew, and one that did not': {
    work: (disk) =>
      updated(disk, async (fd) => {
        await writeFully(disk, fd, [Buffer.from('er')], 3)
        disk.fail({ call: 'fsync', error: 'EIO' })
        await disk.fsync(fd).catch(() => {})
        await disk.fsync(fd)
      }),
    may: {
      'the old size': (files) => files.get('/d/old') === 'old',
      'the new size without the data': (files) => files.get('/d/old') === 'old\0\0',
      'the new content': (files) => files.get('/d/old') === 'older',
    },
  },
  'a mode that was synced, and another one that was not': {
    work: (disk) =>
      updated(disk, async (fd) => {
        await disk.fchmod(fd, 0o600)
        await disk.fsync(fd)
        await disk.fchmod(fd, 0o640)
      }),
    may: {
      'the first': async (_files, disk) => ((await disk.stat('/d/old')).mode & 0o777) === 0o600,
      'the second': async (_files, disk) => ((await disk.stat('/d/old')).mode & 0o777) === 0o640,
    },
    must: async (_files, disk) => ((await disk.stat('/d/old')).mode & 0o777) !== 0o644,
  },
  'a name that was given to another file, the first one being moved to a folder that was not synced': {
    work: async (disk) => {
      await disk.rename('/e/other', '/f/moved')
      await disk.rename('/d/old', '/e/other')
      await syncFolder(disk, '/d')
    },
    may: { 'both as they are': (files) => files.get('/e/other') === 'old' },
    must: (files) => files.get('/f/moved') === 'other' && files.get('/e/other') === 'old',
  },
  'what another process does, which is no call of ours': {
    work: async (disk) => {
      await disk.rename('/d/old', '/d/renamed')
      disk.remove('/e/other')
      disk.put('/e/new', '')
    },
    may: {
      'only the first': (files) => files.has('/d/renamed') && files.has('/e/other') && !files.has('/e/new'),
      'only the second': (files) => files.has('/d/old') && !files.has('/e/other') && !files.has('/e/new'),
      'only the third': (files) => files.has('/d/old') && files.has('/e/other') && files.has('/e/new'),
    },
  },
  'a folder taken away whose file was moved out, synced where it came to': {
    work: async (disk) => {
      await disk.rename('/d/old', '/e/moved')
      await disk.rmdir('/d')
      await syncFolder(disk, '/e')
    },
    may: {
      'the folder, empty': (_files, disk) => disk.list().includes('/d/'),
      'no folder': (_files, disk) => !disk.list().includes('/d/'),
    },
    must: (files) => files.get('/e/moved') === 'old' && !files.has('/d/old'),
  },
}

for (const [name, { work, may, must }] of Object.entries(KNOWN)) {
  test(`${name}: after a power cut it is as on a real disk`, async (t) => {
    const disk = new MemoryDisk({ crashes: true })
    disk.put('/d/old', 'old')
    disk.put('/e/other', 'other')
    disk.put('/f/beside', 'untouched')
    disk.syncAll()
    await work(disk)
    const unseen = new Set(Object.keys(may))
    for (let seed = 0; seed < 1000; seed++) {
      const found = disk.crash(seed)
      const files = new Map([...found.snapshot()].map(([path, bytes]) => [path, `${bytes}`]))
      t.is(files.get('/f/beside'), 'untouched')
      t.true((await must?.(files, found)) ?? true, `seed ${seed}`)
      for (const what of unseen) if (await may[what]!(files, found)) unseen.delete(what)
    }
    t.deepEqual([...unseen], [])
  })
}

test('what is there after a power cut was made when it was made', async (t) => {
  const disk = new MemoryDisk({ crashes: true })
  disk.put('/a', 'x')
  disk.syncAll()
  const made = (await disk.lstat('/a')).birthtimeMs
  const fd = await disk.open('/a', OPEN.update)
  await disk.futimes(fd, 5, 5)
  await disk.fsync(fd)
  await disk.close(fd)
  const { birthtimeMs, mtimeMs } = await disk.crash(0).lstat('/a')
  t.is(mtimeMs, 5000)
  t.is(birthtimeMs, made)
})
