import { join } from 'node:path'
import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import {
  FileTransaction,
  OPEN,
  RecoveryManager,
  recoverTransactions,
  writeFileAtomic,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { Machine } from '../../helpers/machine.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, faultSweep } from '../../helpers/sweep.js'
import { giveTo } from '../../helpers/users.js'
import { eachAnother } from './scenarios.js'

const system = new Machine().start(1)

function diskWith(): MemoryDisk {
  const disk = new MemoryDisk()
  disk.put('/d/old', 'old')
  disk.put('/out/one', '1', 0o600)
  disk.put('/out/sub/two', '2')
  disk.putFolder('/out/empty')
  return disk
}

/** All that is visible, folders with a slash, files with their content. */
function all(disk: MemoryDisk): string[] {
  const files = disk.snapshot()
  return disk.list().map((path) => (files.has(path) ? `${path}=${files.get(path)}` : path))
}

const begin = (fs: MemoryDisk) => FileTransaction.begin('/d', { fs, system })

const OUT = ['/out/', '/out/empty/', '/out/one=1', '/out/sub/', '/out/sub/two=2']
const IN = ['/d/in/', '/d/in/empty/', '/d/in/one=1', '/d/in/sub/', '/d/in/sub/two=2']

test('what has a name of ours is left out of a folder from outside, with a warning that names it', async (t) => {
  const temporary = '.x.1-1-a-b-c.sluice-tmp'
  for (const how of ['copyIn', 'moveIn'] as const) {
    const fs = diskWith()
    fs.put(`/out/sub/${temporary}`, 'of the user')
    fs.put(`/out/sub/.sluice/${'a'.repeat(32)}.journal`, 'of somebody')
    const transaction = await begin(fs)
    await transaction[how]('/out', 'in')
    const { warnings } = await transaction.commit()
    t.is(warnings[0]?.code, 'ERR_PATH')
    t.regex(warnings[0]!.message, /^\/out\/sub\/\.(x\..*|sluice) \(and 1 more\) is left as it is/)
    t.is(warnings.length, how === 'copyIn' ? 1 : 2, 'what is left of a moved folder is told, too')
    t.deepEqual(
      all(fs).filter((path) => path.startsWith('/d/in')),
      IN,
    )
    t.true(all(fs).includes(`/out/sub/${temporary}=of the user`))
  }
})

test('backups, and the rotated files of a trail, are files like others to who takes them along, changes or removes them', async (t) => {
  const kept = { 'a.20261121T093015123Z.4f0a.bak': '1', 'log.00000001-4f0a4f0a': '2' }
  const fs = new MemoryDisk()
  for (const [name, content] of Object.entries(kept))
    for (const folder of ['/d/old', '/out', '/d/gone']) fs.put(`${folder}/${name}`, content)
  const transaction = await begin(fs)
  await transaction.copyIn('/out', 'in')
  await transaction.move('old', 'new')
  for (const name of Object.keys(kept)) await transaction.write(`in/sub/${name}`, 'new')
  await transaction.delete('gone', { recursive: true })
  t.deepEqual((await transaction.commit()).warnings, [])
  for (const [name, content] of Object.entries(kept)) {
    for (const folder of ['in', 'new', '../out'])
      t.is(`${fs.snapshot().get(join('/d', folder, name))}`, content)
    t.is(`${fs.snapshot().get(`/d/in/sub/${name}`)}`, 'new')
    // a write that takes no name that is taken, and a point of a recovery
    await writeFileAtomic(`/d/${name}`, 'new', { fs, conflict: 'fail' })
    await using manager = await RecoveryManager.open('/d', { fs, system })
    await manager.before('delete', name)
    await fs.unlink(`/d/${name}`)
    await manager.undo()
    t.is(`${fs.snapshot().get(`/d/${name}`)}`, 'new')
  }
  t.false(fs.list().includes('/d/gone/'))
})

test('files and folders from outside are copied in, or moved in, all with the rest of the transaction', async (t) => {
  const fs = diskWith()
  const transaction = await begin(fs)
  await transaction.copyIn('/out', 'in')
  await transaction.copyIn('/out/one', 'old')
  await transaction.write('in/sub/two', 'newer')
  t.deepEqual(
    all(fs).filter((path) => path.startsWith('/d/in')),
    [],
  )
  await transaction.commit()
  t.deepEqual(all(fs), ['/d/', ...IN.slice(0, -1), '/d/in/sub/two=newer', '/d/old=1', ...OUT])
  t.is((await fs.stat('/d/in/one')).mode & 0o777, 0o600)

  const other = diskWith()
  const moving = await begin(other)
  await moving.moveIn('/out', 'in')
  t.deepEqual((await moving.commit()).warnings, [])
  t.deepEqual(all(other), ['/d/', ...IN, '/d/old=old'])
})

test('what is moved in twice is there twice, and its source goes once, without a warning', async (t) => {
  const fs = diskWith()
  const transaction = await begin(fs)
  await transaction.moveIn('/out', 'in')
  await transaction.moveIn('/out', 'too')
  t.deepEqual((await transaction.commit()).warnings, [])
  t.deepEqual(all(fs), ['/d/', ...IN, '/d/old=old', ...IN.map((path) => path.replace('/in/', '/too/'))])
})

test('a file that is moved in keeps its mode, time and owner, one that is copied its mode', async (t) => {
  const fs = diskWith()
  await giveTo(fs, '/out/one', 1000)
  const fd = await fs.open('/out/one', OPEN.update)
  await fs.futimes(fd, 0, 1_600_000_000)
  await fs.close(fd)
  const transaction = await begin(fs)
  await transaction.copyIn('/out/one', 'copied')
  await transaction.moveIn('/out/one', 'old')
  await transaction.commit()
  const [copied, moved] = [await fs.stat('/d/copied'), await fs.stat('/d/old')]
  t.deepEqual([copied.mode & 0o777, copied.uid], [0o600, 0])
  t.deepEqual([moved.mode & 0o777, moved.uid, Math.floor(moved.mtimeMs)], [0o600, 1000, 1_600_000_000_000])
  t.false(fs.list().includes('/out/one'))
})

test('a relative source means what it means at the call, also through a link on the way', async (t) => {
  const dir = await plant(await temporary(t), { 'd/old': 'old', 'x/out/one': '1', 'y/out/one': '2' })
  const home = process.cwd()
  const transaction = await FileTransaction.begin(join(dir, 'd'), { durability: 'crash' })
  try {
    process.chdir(join(dir, 'x'))
    const running = transaction.moveIn('out', 'in')
    process.chdir(join(dir, 'y'))
    await running
  } finally {
    process.chdir(home)
  }
  await transaction.commit()
  t.deepEqual(Object.keys(await listing(dir)).sort(), [
    'd',
    'd/in',
    'd/in/one',
    'd/old',
    'x',
    'y',
    'y/out',
    'y/out/one',
  ])
})

test('what cannot be taken in is refused by its name, and everything stays as it was', async (t) => {
  const fs = diskWith()
  fs.putLink('/link', '/out/one')
  fs.putLink('/way', '/d')
  fs.put('/d/sub/file', 'x')
  fs.put('/dev/zero', '')
  const before = all(fs)
  for (const [source, to, code, message] of [
    ['/none', 'in', 'ERR_NO_SUCH_FILE', /\/none does not exist/],
    ['/link', 'in', 'ERR_UNSAFE_LINK', /link is a symbolic link/],
    ['/d/sub', 'in', 'ERR_USAGE', /lie one inside the other; copy and move/],
    ['/way/sub', 'in', 'ERR_USAGE', /lie one inside the other/],
    ['/d', 'in', 'ERR_USAGE', /lie one inside the other/],
    ['/', 'in', 'ERR_USAGE', /no name of its own/],
    ['/out/sub/..', 'in', 'ERR_USAGE', /^\/out\/sub\/\.\. has no name of its own/],
    ['/dev/zero', 'in', 'ERR_USAGE', /^\/dev is no folder of a disk.*read what is in it/],
    ['/proc/self/status', 'in', 'ERR_USAGE', /^\/proc\/self is no folder of a disk/],
    ['', 'in', 'ERR_USAGE', /^source must be/],
    ['/out', 'old', 'ERR_TRANSACTION', /old is a file; delete it first/],
    ['/out', 'sub', 'ERR_TRANSACTION', /sub is a folder already/],
    ['/out/one', 'sub', 'ERR_TRANSACTION', /sub is a folder/],
    ['/out', '../x', 'ERR_PATH', /not a path below/],
    ['/out/one', '.sluice/x', 'ERR_PATH', /Sluice itself/],
    ['/out/one', 'new/.SLUICE', 'ERR_PATH', /Sluice itself/],
  ] as const) {
    for (const how of ['copyIn', 'moveIn'] as const) {
      const transaction = await begin(fs)
      await t.throwsAsync(transaction[how](source, to), { code, message }, source)
      await t.throwsAsync(transaction.commit(), { code: 'ERR_TRANSACTION' })
    }
  }
  t.deepEqual(all(fs), before)
  t.deepEqual(fs.openHandles(), [])
})

test('a transaction that is given up leaves the sources', async (t) => {
  const fs = diskWith()
  const before = all(fs)
  const transaction = await begin(fs)
  await transaction.moveIn('/out', 'in')
  await transaction.rollback()
  t.deepEqual(all(fs), before)
  t.deepEqual(fs.openHandles(), [])
})

test('what somebody has changed or added at the source is left there, and that is said', async (t) => {
  for (const [change, left, message] of [
    [
      (fs: MemoryDisk) => fs.put('/out/one', 'changed'),
      '/out/one=changed',
      /\/out was copied.*one was changed/,
    ],
    [(fs: MemoryDisk) => fs.put('/out/sub/new', 'n'), '/out/sub/new=n', /something else is in it/],
  ] as const) {
    const fs = diskWith()
    const transaction = await begin(fs)
    await transaction.moveIn('/out', 'in')
    change(fs)
    const { warnings } = await transaction.commit()
    t.deepEqual([warnings.length, warnings[0]?.code], [1, 'ERR_SOURCE_CHANGED'])
    t.regex(warnings[0]!.message, message)
    t.true(all(fs).includes(left))
    t.deepEqual(
      all(fs).filter((path) => path.startsWith('/d/in')),
      IN,
    )
  }
  const fs = diskWith()
  fs.delay = async ({ call, path }) => {
    if (call !== 'read' || path !== '/out/one') return
    fs.delay = undefined
    const fd = await fs.open('/out/one', OPEN.update)
    await fs.write(fd, [Buffer.from('long')], 0)
    await fs.close(fd)
  }
  const transaction = await begin(fs)
  await t.throwsAsync(transaction.moveIn('/out', 'in'), { code: 'ERR_SOURCE_CHANGED' })
  await transaction.rollback()
})

test('sources hold no handle until the commit, and a folder that takes the place of theirs is not theirs', async (t) => {
  const fs = diskWith()
  const transaction = await begin(fs)
  const before = fs.openHandles()
  await transaction.copyIn('/out/one', 'copied')
  await transaction.moveIn('/out/sub/two', 'moved')
  t.deepEqual(fs.openHandles(), before)
  await fs.rename('/out/sub', '/out/other')
  fs.put('/out/sub/two', '2')
  const { warnings } = await transaction.commit()
  t.deepEqual([warnings.length, warnings[0]?.code], [1, 'ERR_SOURCE_CHANGED'])
  t.regex(
    warnings[0]!.message,
    /\/out\/sub\/two was copied.*\/out\/sub was exchanged since two was found in it/,
  )
  t.deepEqual([`${fs.snapshot().get('/out/sub/two')}`, `${fs.snapshot().get('/d/moved')}`], ['2', '2'])
})

const LONG = 'content of several sectors '.repeat(60)

const set = (disk: MemoryDisk) => {
  disk.put('/d/old', 'old')
  disk.put('/out/one', LONG)
  disk.put('/out/sub/two', 'two')
}

async function moveIn(fs: MemoryDisk, processes: () => typeof system): Promise<void> {
  await using transaction = await FileTransaction.begin('/d', { fs, system: processes() })
  await transaction.moveIn('/out', 'in')
  await transaction.write('old', 'new')
  await transaction.commit()
}

/**
 * What is wrong with a disk that was found after a recovery: each content must be there, or here, or in both places.
 */
function wrong(disk: MemoryDisk): string | undefined {
  const files = new Map([...disk.snapshot()].map(([path, content]) => [path, `${content}`]))
  const isNew = files.get('/d/old') === 'new'
  if (!isNew && files.get('/d/old') !== 'old') return 'old'
  for (const [path, content] of [
    ['one', LONG],
    ['sub/two', 'two'],
  ] as const) {
    if (files.get(`/d/in/${path}`) !== (isNew ? content : undefined))
      return `in/${path} with ${files.get('/d/old')}`
    const there = files.get(`/out/${path}`)
    if (there !== content && !(isNew && there === undefined)) return `out/${path}`
  }
  return disk.list().some((path) => path.includes('sluice')) ? 'something of ours is left' : undefined
}

test('the power is cut at every call of a transaction that moves something in: nothing is lost', async (t) => {
  const processes = eachAnother()
  const { states } = await crashSweep({
    set,
    seeds: scale(6, 12),
    again: scale(0, 1),
    work: (disk) => moveIn(disk, processes),
    recover: (disk) => recoverTransactions('/d', { fs: disk, system: processes() }),
    look: (found, acknowledged, place) => {
      const why = wrong(found)
      if (why) throw new Error(`${place}: ${why}: ${found.list()}`)
      if (acknowledged && found.list().some((path) => path.startsWith('/out')))
        throw new Error(`${place}: the source`)
    },
  })
  t.log(`${states} states`)
  t.true(states > scale(50, 200))
})

test('every call of a transaction that moves something in fails: nothing is lost', async (t) => {
  const processes = eachAnother()
  const { runs } = await faultSweep({
    step: scale(13, 1, 2),
    set,
    work: (disk) => moveIn(disk, processes),
    recover: (disk) => recoverTransactions('/d', { fs: disk, system: processes() }),
    look: (disk, result, place) => {
      if (result instanceof Error && !isSluiceError(result)) throw new Error(`${place}: no code`)
      const why = place.startsWith('after recovery') ? wrong(disk) : undefined
      if (why) throw new Error(`${place}: ${why}: ${disk.list()}`)
    },
  })
  t.log(`${runs} runs`)
  t.true(runs > scale(30, 100))
})
