import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import {
  FolderLock,
  parseBackupName,
  type Restored,
  removeOrphans,
  restoreBackup,
  updateJson,
  writeFileAtomic,
} from '../../../lib/files/index.js'
import { processSystem } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { plant, temporary } from '../../helpers/folders.js'
import { Machine } from '../../helpers/machine.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, faultSweep } from '../../helpers/sweep.js'
import { giveTo } from '../../helpers/users.js'
import { eachAnother } from '../transaction/scenarios.js'

const bak = (year: number, name = 'file') => `${name}.${year}0101T000000000Z.0000.bak`

/** A file, and three backups of it, which say in which year they were made. */
function diskWith(file: string | null = 'now'): MemoryDisk {
  const disk = new MemoryDisk()
  disk.put('/d/other', 'not yours')
  if (file !== null) disk.put('/d/file', file, 0o640)
  for (const year of [2001, 2002, 2003]) disk.put(`/d/${bak(year)}`, String(year), 0o600)
  return disk
}

const text = (disk: MemoryDisk, path: string | undefined = '/d/file') => disk.snapshot().get(path)?.toString()

test('the newest backup comes back, and what was there becomes a backup', async (t) => {
  const fs = diskWith()
  const restored = await restoreBackup('/d/file', { fs, now: () => Date.UTC(2004, 0) })
  t.like(restored, { path: '/d/file', from: `/d/${bak(2003)}`, bytes: 4 })
  t.deepEqual(Object.keys(restored).sort(), ['backup', 'bytes', 'from', 'path'])
  t.is(text(fs), '2003')
  t.is(text(fs, restored.backup!), 'now')
  // the backup stays, apart from the file
  t.is(text(fs, restored.from), '2003')
  t.not((await fs.stat('/d/file')).ino, (await fs.stat(restored.from)).ino)
  t.is(fs.list().length, 7)
  // so that a restore can be taken back
  t.is((await restoreBackup('/d/file', { fs })).from, restored.backup!)
  t.is(text(fs), 'now')
})

test('which one may be said by number, by name and by path', async (t) => {
  for (const [which, year] of [
    [1, 2003],
    [2, 2002],
    [3, 2001],
    [bak(2002), 2002],
    [`/d/${bak(2001)}`, 2001],
    [`/link/../d/./${bak(2001)}`, 2001],
    [`/link/${bak(2001)}`, 2001],
  ] as const) {
    const fs = diskWith()
    fs.putLink('/link', '/d')
    t.is((await restoreBackup('/d/file', { fs, which })).from, `/d/${bak(year)}`)
    t.is(text(fs), String(year))
  }
})

test('what a write said that it kept is taken as it was said, also below a relative path', async (t) => {
  const dir = await plant(await temporary(t), { file: 'first' })
  const durability = 'crash'
  const { backup } = await writeFileAtomic(join(dir, 'file'), 'second', { backup: 2, durability })
  await writeFileAtomic(join(dir, 'file'), 'third', { backup: 2, durability })
  await restoreBackup(join(dir, 'file'), { which: backup!, backup: false, durability })
  t.is(await readFile(join(dir, 'file'), 'utf8'), 'first')
  const texts = (await readdir(dir)).map((name) => readFile(join(dir, name), 'utf8'))
  t.deepEqual((await Promise.all(texts)).sort(), ['first', 'first', 'second'])
})

test('a backup is named as any file is: by a URL, by bytes, also in the place of its bare name', async (t) => {
  const dir = await plant(await temporary(t), { file: 'first' })
  const file = join(dir, 'file')
  const options = { backup: 9, durability: 'crash' } as const
  const backup = (await writeFileAtomic(file, 'second', options)).backup!
  const ways = [pathToFileURL(backup), Buffer.from(backup), new TextEncoder().encode(basename(backup))]
  for (const which of ways) {
    await writeFileAtomic(file, 'third', options)
    t.is((await restoreBackup(file, { which, durability: 'crash' })).from, backup)
    t.is(await readFile(file, 'utf8'), 'first')
  }
  const elsewhere = new URL('https://a.example/file')
  const message = /^which must be a path, or the file: URL of one/
  await t.throwsAsync(restoreBackup(file, { which: elsewhere }), { code: 'ERR_USAGE', message })
})

test('a backup that there is not is an error that lists those there are, and nothing is changed', async (t) => {
  const fs = diskWith()
  fs.put(`/elsewhere/${bak(2002)}`, 'another')
  fs.put(`/d/${bak(2002, 'other')}`, 'another')
  const before = fs.snapshot()
  for (const which of [
    4,
    bak(2009),
    'file',
    bak(2002, 'other'),
    `/elsewhere/${bak(2002)}`,
    `/none/${bak(2002)}`,
  ]) {
    const error = await t.throwsAsync(restoreBackup('/d/file', { fs, which }), { code: 'ERR_NO_SUCH_FILE' })
    t.regex(
      error!.message,
      /\/d\/file.*has (only 3 backups|no backup \S+); there are: file\.2003/,
      String(which),
    )
  }
  await t.throwsAsync(restoreBackup('/d/none', { fs }), {
    code: 'ERR_NO_SUCH_FILE',
    message: /\/d\/none.*has no backup; only a write with the option backup makes one/,
  })
  for (const which of [0, -1, 1.5, '', null, {}]) {
    const options = { fs, which: which as number }
    await t.throwsAsync(restoreBackup('/d/file', options), { code: 'ERR_USAGE', message: /^which must be/ })
  }
  t.deepEqual(fs.snapshot(), before)
})

test('a file that is gone comes back with the mode and the time that it had', async (t) => {
  const fs = diskWith(null)
  const time = Math.floor((await fs.stat(`/d/${bak(2003)}`)).mtimeMs)
  const restored = await restoreBackup('/d/file', { fs })
  t.false('backup' in restored)
  const { mode, mtimeMs } = await fs.stat('/d/file')
  t.deepEqual([mode & 0o777, Math.floor(mtimeMs)], [0o600, time])
})

test('without a backup of what was there it is gone', async (t) => {
  const fs = diskWith()
  t.false('backup' in (await restoreBackup('/d/file', { fs, backup: false })))
  t.false([...fs.snapshot().values()].some((content) => content.toString() === 'now'))
})

test('a link is followed, or becomes again what it was', async (t) => {
  const fs = diskWith()
  fs.putLink('/link', '/d/file')
  t.is((await restoreBackup('/link', { fs, backup: false })).path, '/d/file')
  t.is(text(fs), '2003')
  fs.putLink('/l/name', 'target')
  await writeFileAtomic('/l/name', 'a file', { fs, symlink: 'replace', backup: 1 })
  const { backup } = await restoreBackup('/l/name', { fs, symlink: 'replace' })
  t.is(await fs.readlink('/l/name'), 'target')
  t.is(text(fs, backup), 'a file')
})

test('a number counts no second name of the file, and nothing that somebody else put there', async (t) => {
  const fs = diskWith()
  // a killed write made it, and replaced nothing
  await fs.link('/d/file', `/d/${bak(2004)}`)
  fs.put(`/d/${bak(2005)}`, 'planted')
  await giveTo(fs, `/d/${bak(2005)}`, 1000)
  t.is((await restoreBackup('/d/file', { fs, backup: false })).from, `/d/${bak(2003)}`)
  // nor may it be taken by its name, as a list has it: it would give the file to whoever planted it
  const before = fs.snapshot()
  for (const which of [bak(2005), `/d/${bak(2005)}`]) {
    const refused = { code: 'ERR_PERMISSION', message: /belongs to another user \(1000\)/ }
    await t.throwsAsync(restoreBackup('/d/file', { fs, which, backup: false }), refused)
  }
  t.deepEqual(fs.snapshot(), before)
  // whoever owns the file could have written it anyway
  await giveTo(fs, '/d/file', 1000)
  t.is((await restoreBackup('/d/file', { fs, backup: false })).from, `/d/${bak(2005)}`)
})

test('a file that nobody may write to is restored only where that is asked for', async (t) => {
  const fs = diskWith(null)
  fs.put('/d/file', 'now', 0o444)
  await t.throwsAsync(restoreBackup('/d/file', { fs }), {
    code: 'ERR_PERMISSION',
    message: /replaceReadOnly/,
  })
  t.is(text(fs), 'now')
  await restoreBackup('/d/file', { fs, replaceReadOnly: true })
  t.is(text(fs), '2003')
})

test('it waits for its turn with the updates of the file', async (t) => {
  const fs = diskWith('0')
  const system = new Machine().start(1)
  const lock = await FolderLock.acquire('/d', { name: 'file-file', fs, system })
  await t.throwsAsync(restoreBackup('/d/file', { fs, system, timeout: 0 }), { code: 'ERR_LOCKED' })
  await lock.release()
  await updateJson<number>('/d/file', (n = 0) => n + 1, { fs, system })
  t.is(text(fs, (await restoreBackup('/d/file', { fs, system })).backup), '1\n')
})

test('a lock that was lost, or a signal, stops it before the file is replaced', async (t) => {
  const stopped = new AbortController()
  const fs = diskWith()
  fs.hook = ({ call, path }) => {
    if (call === 'open' && path.includes('sluice-tmp')) stopped.abort(new Error('enough'))
  }
  await t.throwsAsync(restoreBackup('/d/file', { fs, signal: stopped.signal }), { code: 'ERR_CANCELLED' })
  t.is(text(fs), 'now')
  t.is(fs.list().length, 6)

  const other = diskWith()
  other.hook = ({ call, path }) => {
    if (call !== 'open' || !path.includes('sluice-tmp')) return
    other.hook = undefined
    const locks = other.list().filter((one) => one.includes('.sluice-lock'))
    for (const one of locks.reverse()) void other.rmdir(one.replace(/\/$/, ''))
  }
  await t.throwsAsync(restoreBackup('/d/file', { fs: other }), { code: 'ERR_LOCK_LOST' })
  t.is(text(other), 'now')
})

/** Collects as a process would that finds what a dead one left, much later. */
function collect(fs: MemoryDisk): Promise<unknown> {
  const system = { ...processSystem, isAlive: () => false }
  return removeOrphans('/', { fs, system, recursive: true, now: () => Date.now() + 1e12 })
}

const OLD = `the old content, ${'which is longer than a sector, '.repeat(40)}`

function set(disk: MemoryDisk, standing = true): void {
  disk.put('/d/other', 'not yours')
  disk.put(`/d/${bak(2001)}`, 'earlier still', 0o640)
  disk.put(`/d/${bak(2002)}`, OLD, 0o640)
  if (standing) disk.put('/d/file', 'now')
}

/** What is wrong with a disk that was found. */
function wrong(disk: MemoryDisk, done: boolean, standing: boolean): string[] {
  const files = new Map([...disk.snapshot()].map(([path, content]) => [path, content.toString()]))
  const found: string[] = []
  const expect = (holds: boolean, what: string) => holds || found.push(what)
  const content = files.get('/d/file')
  expect(content === OLD || (!done && content === (standing ? 'now' : undefined)), `it holds ${content}`)
  expect(files.get(`/d/${bak(2002)}`) === OLD, 'the backup')
  expect(files.get(`/d/${bak(2001)}`) === 'earlier still', 'another backup')
  expect(files.get('/d/other') === 'not yours', 'a file beside')
  const earlier = [`/d/${bak(2001)}`, `/d/${bak(2002)}`]
  const kept = [...files].filter(([path]) => parseBackupName(path) && !earlier.includes(path))
  expect(!standing || content !== OLD || kept.some(([, one]) => one === 'now'), 'what was there is gone')
  for (const [path, one] of kept) expect(one === 'now', `${path} holds ${one}`)
  return found
}

function tell(place: string, found: string[]): void {
  if (found.length > 0) throw new Error(`${place}: ${found.join('; ')}`)
}

for (const [name, { standing, links }] of Object.entries({
  'over a file': { standing: true, links: true },
  'over a file, without hard links': { standing: true, links: false },
  'of a file that is gone': { standing: false, links: true },
})) {
  test(`the power is cut at every call of a restore ${name}`, async (t) => {
    const machine = new Machine()
    const { states } = await crashSweep({
      options: { links },
      set: (disk) => set(disk, standing),
      work: (fs) => restoreBackup('/d/file', { fs, system: machine.start(1) }),
      recover: (fs) => {
        // after a power cut no process of before lives
        machine.reboot()
        return collect(fs)
      },
      look: async (found, acknowledged, place) => {
        tell(place, wrong(found, acknowledged, standing))
        const mode = (await found.stat('/d/file').catch(() => undefined))?.mode ?? 0
        if (acknowledged && (mode & 0o777) !== 0o640) throw new Error(`${place}: the mode`)
        // whoever does it again, and says which one, has it
        await restoreBackup('/d/file', { fs: found, system: machine.start(2), which: bak(2002) })
        if (text(found) !== OLD) throw new Error(`${place}: not done again`)
      },
      seeds: scale(4, 40),
      again: scale(0, 1),
    })
    t.log(`${states} states`)
    t.true(states > scale(30, 100))
  })

  test(`every call of a restore ${name} fails`, async (t) => {
    const another = eachAnother()
    const { runs } = await faultSweep({
      step: scale(13, 1, 2),
      options: { links },
      set: (disk) => set(disk, standing),
      work: (fs) => restoreBackup('/d/file', { fs, system: another(), timeout: 0 }),
      look: (disk, result, place) => {
        if (result instanceof Error && !isSluiceError(result)) throw new Error(`${place}: no code`)
        tell(place, wrong(disk, !(result instanceof Error), standing))
        const { warning } = result as Partial<Restored>
        if (warning && !isSluiceError(warning)) throw new Error(`${place}: a warning without a code`)
      },
    })
    t.log(`${runs} runs`)
    t.true(runs > scale(25, 300, 134))
  })
}
