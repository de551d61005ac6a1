import {
  appendFile,
  link,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { basename, join } from 'node:path'
import test from 'ava'
import {
  AtomicFile,
  createAtomicWriteStream,
  type FileSystem,
  FileTransaction,
  RecoveryManager,
  recoverTransactions,
  renameAtomic,
  restoreBackup,
  rotateFile,
  updateJson,
  type WriteFileOptions,
  writeFileAtomic,
} from '../../lib/files/index.js'
import type { DiskEvent } from '../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { plant, temporary } from '../helpers/folders.js'
import { scale } from '../helpers/scale.js'
import { twoDisks } from '../helpers/two-disks.js'
import { eachAnother } from './transaction/scenarios.js'

// What gets a name is what was written and verified. Who may write to a folder may put anything in the place of a
// temporary file there: that gets no name, and stays where it is.

const BACKUP = '.20200101T000000000Z.0000.bak'
const FOREIGN = 'foreign'

/** The path in a line of the list of a disk. */
const pathOf = (line: string) => line.split(' -> ')[0]!

const isTemporary = (path: string) => path.endsWith('.sluice-tmp')

/** The ways to exchange a temporary file. */
const EXCHANGES: Record<string, (disk: MemoryDisk, path: string) => void> = {
  'another file': (disk, path) => {
    disk.remove(path)
    disk.put(path, FOREIGN)
  },
  'a link': (disk, path) => {
    disk.remove(path)
    disk.putLink(path, '/foreign')
  },
}

const write = (options: WriteFileOptions) => (fs: FileSystem) =>
  writeFileAtomic('/d/file', 'new', { fs, ...options })

interface Operation {
  act: (fs: FileSystem) => Promise<unknown>
  /** Whether `/t` is another file system. */
  apart?: boolean
  links?: boolean
  /** Whether it gives several names at once. */
  atOnce?: boolean
  /** What was done before. */
  before?: (disk: MemoryDisk) => Promise<unknown>
}

async function inTransaction(fs: FileSystem, work: (transaction: FileTransaction) => Promise<unknown>) {
  const transaction = await FileTransaction.begin('/d', { fs })
  await work(transaction)
  await transaction.commit()
}

const OPERATIONS: Record<string, Operation> = {
  'a replacement': { act: write({}) },
  'a replacement without syncs': { act: write({ durability: 'crash' }) },
  'a replacement that is read back': { act: write({ verify: true }) },
  'a replacement with a backup': { act: write({ backup: 1 }) },
  'a backup by copy': { act: write({ backup: 1 }), links: false },
  'a new name': { act: write({ conflict: 'rename' }) },
  'a new name without links': { act: write({ conflict: 'rename' }), links: false },
  'a temporary file in another folder': { act: write({ tempDir: '/t' }) },
  'a temporary file on another disk': { act: write({ tempDir: '/t' }), apart: true },
  'a new name from another disk': { act: write({ tempDir: '/t', conflict: 'rename' }), apart: true },
  'a stream': {
    act: (fs) => {
      const stream = createAtomicWriteStream('/d/file', { fs, conflict: 'rename' })
      stream.on('error', () => {}).end('new')
      return stream.result
    },
  },
  updateJson: { act: (fs) => updateJson('/d/number', () => ({ n: 2 }), { fs }) },
  restoreBackup: { act: (fs) => restoreBackup('/d/file', { fs }) },
  'restoreBackup of a link': { act: (fs) => restoreBackup('/d/linked', { fs, symlink: 'replace' }) },
  'renameAtomic to a free name': {
    act: (fs) => renameAtomic('/t/from', '/d/there', { fs, conflict: 'fail' }),
  },
  'renameAtomic to another disk': { act: (fs) => renameAtomic('/t/from', '/d/file', { fs }), apart: true },
  'renameAtomic to a free name of another disk': {
    act: (fs) => renameAtomic('/t/from', '/d/there', { fs, conflict: 'rename' }),
    apart: true,
  },
  'a rotation that compresses': { act: (fs) => rotateFile('/d/file', { fs, compress: true }) },
  'a transaction': {
    atOnce: true,
    act: (fs) =>
      inTransaction(fs, async (transaction) => {
        await transaction.write('file', 'new')
        await transaction.copy('other', 'sub/copy')
        await transaction.move('kept', 'moved')
        await transaction.copyIn('/t/from', 'in')
        await transaction.copy('file', 'again')
        // what was copied before is not needed any more
        await transaction.write('file', 'new')
      }),
  },
  'a transaction without links': {
    atOnce: true,
    act: (fs) =>
      inTransaction(fs, async (transaction) => {
        await transaction.write('file', 'new')
        await transaction.move('kept', 'moved')
      }),
    links: false,
  },
  'a transaction that is undone': {
    atOnce: true,
    act: (fs) =>
      inTransaction(fs, async (transaction) => {
        await transaction.write('file', 'new')
        await transaction.write('fails', 'new')
      }),
  },
  'a recovery that completes a transaction': {
    before: (disk) => killed(disk, false),
    act: (fs) => recoverTransactions('/d', { fs, system: nextProcess() }),
    atOnce: true,
  },
  'a recovery that undoes a transaction': {
    before: (disk) => killed(disk, true),
    act: (fs) => recoverTransactions('/d', { fs, system: nextProcess() }),
    atOnce: true,
  },
  'a recovery point': {
    act: async (fs) => {
      const manager = await RecoveryManager.open('/d', { fs })
      const point = await manager.before('write', 'file')
      await writeFileAtomic('/d/file', 'new', { fs })
      await manager.after(point)
      await manager.undo()
      await manager.close()
    },
  },
}

const nextProcess = eachAnother()

/**
 * The process dies when it is about to give the first name; or, since that failed, when it is about to take that back.
 */
async function killed(disk: MemoryDisk, undone: boolean): Promise<void> {
  let isDead = false
  disk.hook = ({ call, to = '' }) => {
    isDead ||= [...disk.snapshot().keys()].some((path) => path.includes('.aborting.'))
    isDead ||= !undone && call === 'rename' && !to.startsWith('/d/.')
    if (isDead || to === '/d/fails') throw Object.assign(new Error('it fails'), { code: 'EIO' })
  }
  const transaction = await FileTransaction.begin('/d', { fs: disk, system: nextProcess() })
  await transaction.write('file', 'new')
  await transaction.write('fails', 'new')
  await transaction.commit().catch(() => {})
  disk.hook = undefined
}

function diskWith({ links }: Operation): MemoryDisk {
  const disk = new MemoryDisk({ links })
  disk.put('/foreign', FOREIGN)
  disk.put('/d/file', 'old')
  disk.put(`/d/file${BACKUP}`, 'older')
  disk.put('/d/other', 'other')
  disk.put('/d/kept', 'kept')
  disk.put('/d/number', '{"n":1}')
  disk.putLink('/d/linked', 'other')
  disk.putLink(`/d/linked${BACKUP}`, 'kept')
  disk.put('/t/from', 'new')
  return disk
}

/** Between the last look and the call behind it nobody can look: no system has a call that does both. */
const AT_ONCE = new Set(['rename', 'link', 'symlink', 'unlink', 'readlink'])

/** A transaction looks at each temporary file twice before that gets its name, and once before it is removed. */
const LAST_LOOK = 2

/** The short run exchanges it before each so-manieth call, for a link before others than for another file. */
const STEP = scale(3, 1, 1)

for (const [what, operation] of Object.entries(OPERATIONS))
  for (const [number, [how, exchange]] of Object.entries(EXCHANGES).entries())
    test(`in the place of a temporary file of ${what}, at any moment: ${how} gets no name`, async (t) => {
      let looked = 0
      for (let n = number % STEP; ; n += STEP) {
        const disk = diskWith(operation)
        await operation.before?.(disk)
        let calls = 0
        let exchanged: string[] = []
        let stays: string[] = []
        const looks = new Map<string, number>()
        // of several files at once one is looked at last while another one gets its name
        const isNotLookedAt = (path: string, last: number) =>
          !operation.atOnce || (looks.get(path) ?? 0) < last
        disk.hook = ({ call, path, to }: DiskEvent) => {
          if (what.endsWith('undone') && call === 'rename' && to === '/d/fails')
            throw Object.assign(new Error('it fails'), { code: 'EIO' })
          if (calls++ === n && !AT_ONCE.has(call)) {
            exchanged = disk.list().map(pathOf).filter(isTemporary)
            exchanged = exchanged.filter((one) => isNotLookedAt(one, LAST_LOOK))
            stays = exchanged.filter((one) => isNotLookedAt(one, 1))
            for (const one of exchanged) exchange(disk, one)
          }
          if (call === 'lstat') looks.set(path, (looks.get(path) ?? 0) + 1)
          else if (!AT_ONCE.has(call)) looks.delete(path)
        }
        await operation.act(operation.apart ? twoDisks(disk) : disk).catch(() => {})
        if (calls <= n) break
        if (exchanged.length === 0) continue
        looked++
        const names = disk.list().filter((path) => !isTemporary(pathOf(path)))
        t.false(
          names.some((path) => path.endsWith('-> /foreign')),
          `call ${n}: ${names.join('\n')}`,
        )
        const left = new Set(disk.list().map(pathOf))
        // a recovery removes what has the name of a file of the dead process
        if (!operation.before)
          for (const path of stays)
            t.true(left.has(path), `call ${n}: what took the place of ${path} is gone`)
        for (const [path, content] of disk.snapshot())
          if (!isTemporary(path) && path !== '/foreign') t.not(String(content), FOREIGN, `call ${n}: ${path}`)
      }
      t.true(looked > 0)
    })

/**
 * What somebody does to a temporary file, on a real disk: that gives the number of a file that is gone to the next one.
 */
const CHANGES: Record<string, (path: string) => Promise<unknown>> = {
  'made anew, as long as it was': async (path) => {
    await rm(path)
    await writeFile(path, 'NEW')
  },
  'exchanged by a rename': async (path) => {
    await writeFile(`${path}.x`, 'NEW')
    await rename(`${path}.x`, path)
  },
  'exchanged for a link': async (path) => {
    await rm(path)
    await symlink('other', path)
  },
  'a second name of the file that it replaces': async (path) => {
    await rm(path)
    await link(join(path, '../file'), path)
  },
  'made longer': (path) => appendFile(path, 'er'),
  'cut off': (path) => truncate(path, 1),
}

/** Each gives `file` its new content, and has `change` run before that. */
const WAYS: Record<string, (dir: string, change: () => Promise<unknown>) => Promise<unknown>> = {
  'an AtomicFile': async (dir, change) => {
    const file = await AtomicFile.open(join(dir, 'file'))
    await file.write('new')
    await file.stage()
    await change()
    return file.commit()
  },
  'an AtomicFile without syncs': async (dir, change) => {
    const file = await AtomicFile.open(join(dir, 'file'), { durability: 'crash' })
    await file.write('new')
    await file.stage()
    return file.commit(async () => void (await change()))
  },
  'a FileTransaction': async (dir, change) => {
    const transaction = await FileTransaction.begin(dir)
    await transaction.write('file', 'new')
    await change()
    return transaction.commit()
  },
}

for (const [way, write] of Object.entries(WAYS))
  for (const [how, change] of Object.entries(CHANGES))
    test(`the temporary file of ${way} is ${how} before it gets its name: it gets none, and the file stays`, async (t) => {
      const dir = await plant(await temporary(t), { file: 'old', other: 'other' })
      let path = ''
      const changed = async () => {
        const name = (await readdir(dir)).find((one) => one.endsWith('.sluice-tmp'))!
        path = join(dir, name)
        await change(path)
      }
      const isOurs = how === 'made longer' || how === 'cut off'
      await t.throwsAsync(write(dir, changed), { code: 'ERR_WRITE', message: /another program exchanged it/ })
      t.is(await readFile(join(dir, 'file'), 'utf8'), 'old')
      t.is(await readFile(join(dir, 'other'), 'utf8'), 'other')
      t.is((await readdir(dir)).includes(basename(path)), !isOurs)
      await write(dir, async () => {})
      t.is(await readFile(join(dir, 'file'), 'utf8'), 'new')
    })

test('where another file has taken the old name before the second one is made, that file keeps its one name', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/old', 'ours')
  const fs: FileSystem = new Proxy<FileSystem>(disk, {
    get(_, name) {
      const found: unknown = Reflect.get(disk, name)
      if (typeof found !== 'function') return found
      if (name !== 'link') return found.bind(disk)
      return async (from: string, to: string) => {
        EXCHANGES['another file']!(disk, '/d/old')
        return disk.link(from, to)
      }
    },
  })
  await t.throwsAsync(renameAtomic('/d/old', '/d/new', { conflict: 'fail', fs }))
  t.is((await disk.lstat('/d/old')).nlink, 1)
  t.deepEqual((await disk.readdir('/d')).map(String), ['old'])
})
