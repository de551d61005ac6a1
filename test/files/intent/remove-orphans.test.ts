import { execFile } from 'node:child_process'
import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { type RemoveOrphansOptions, removeOrphans, temporaryName } from '../../../lib/files/index.js'
import { LEASE } from '../../../lib/files/own/lease.js'
import { type Owner, type ProcessSystem, textOfOwner, thisOwner } from '../../../lib/files/own/owner.js'
import { asideName } from '../../../lib/files/own/temporary-name.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { temporary } from '../../helpers/folders.js'
import { giveTo } from '../../helpers/users.js'

const HOUR = 3_600_000
const NOW = 100 * HOUR
const system: ProcessSystem = {
  pid: 1,
  hostname: () => 'here',
  read: (path) => (path.endsWith('boot_id') ? 'boot' : undefined),
  isAlive: (pid) => pid === 1,
}
const me = thisOwner(system)
const gone: Owner = { ...me, pid: 2, token: 'aa' }

function setup(disk = new MemoryDisk({ now: () => NOW - 30 * HOUR })) {
  const remove = (options: RemoveOrphansOptions = {}, dir = '/d') =>
    removeOrphans(dir, { fs: disk, system, now: () => NOW, ...options })
  return { disk, remove }
}

test('KNOWN-FAILURES 37: what dead processes left is removed whatever its prefix, what belongs to a live one stays', async (t) => {
  const { disk, remove } = setup()
  const orphans = ['', 'mine', 'a.b.c'].map((prefix) => temporaryName({ prefix, owner: gone }))
  const kept = [temporaryName({ owner: me }), 'report.tmp', '.report.sluice-tmp', 'report']
  for (const name of [...orphans, ...kept]) disk.put(`/d/${name}`, 'four')
  const dry = await remove({ dryRun: true })
  t.is(disk.snapshot().size, 7)
  const { files, ...rest } = await remove()
  t.deepEqual({ ...rest, files: files.sort() }, { ...dry, files: dry.files.sort() })
  t.like(rest, { count: 3, bytes: 12, errors: [] })
  t.deepEqual(files, orphans.map((name) => `/d/${name}`).sort())
  t.deepEqual([...disk.snapshot().keys()].sort(), kept.map((name) => `/d/${name}`).sort())
  t.is((await remove()).count, 0)
  t.deepEqual(disk.openHandles(), [])
})

test('files of a process that cannot be looked at are watched: those go that do not change, or at once by force', async (t) => {
  const name = (host: string, token: string) => `/d/${temporaryName({ owner: { ...gone, host, token } })}`
  const [rests, changes, locked] = [name('ab', 'a1'), name('ab', 'a2'), name('cd', 'a3')]
  const sign = `/d/.sluice-lock-transaction/gate/exclusive-${textOfOwner({ ...gone, host: 'cd' })}`
  let time = NOW - 30 * HOUR
  const scene = () => {
    const { disk, remove } = setup(new MemoryDisk({ now: () => (time += 1) }))
    for (const path of [rests, changes, locked]) disk.put(path, 'four')
    disk.putFolder(sign)
    return { disk, remove }
  }
  const { disk, remove } = scene()
  // while it is waited, one is written to, and the lock of another one's process shows that it lives
  const clock = new FakeClock()
  const removing = remove({ clock })
  while (clock.pending === 0) await new Promise(setImmediate)
  disk.put(changes, 'five!')
  disk.putFolder(`${sign}/alive`)
  disk.remove(`${sign}/alive`)
  clock.advance(LEASE)
  const { files } = await removing
  t.deepEqual(files, [rests])
  const other = scene()
  const forced = await other.remove({ force: true, clock: new FakeClock() })
  t.is(forced.count, 3)
})

test('what is found again, because others are watched, counts once', async (t) => {
  for (const dryRun of [true, false]) {
    const { disk, remove } = setup()
    for (const host of [gone.host, 'ab'])
      disk.put(`/d/${temporaryName({ owner: { ...gone, host } })}`, 'four')
    const clock = new FakeClock()
    const removing = remove({ clock, dryRun })
    while (clock.pending === 0) await new Promise(setImmediate)
    clock.advance(LEASE)
    const { count, bytes, files } = await removing
    t.deepEqual([count, bytes, new Set(files).size, files.length], [2, 8, 2, 2])
  }
})

test('a folder aside is told of where its process is dead, or shows no life while it is watched; it stays itself', async (t) => {
  let time = NOW - 30 * HOUR
  const { disk, remove } = setup(new MemoryDisk({ now: () => (time += 1) }))
  const [dead, living, elsewhere, changes, anothers] = [
    asideName(1n, gone),
    asideName(1n, me),
    asideName(1n, { ...gone, host: 'ab', token: 'a1' }),
    asideName(1n, { ...gone, host: 'ab', token: 'a2' }),
    asideName(1n, { ...gone, token: 'a3' }),
  ] as const
  for (const name of [dead, living, elsewhere, changes, anothers]) disk.put(`/d/${name}/n/file`, 'old')
  disk.putFolder(`/d/below/${dead}`)
  await giveTo(disk, `/d/${anothers}`, 1001)
  const before = disk.list()
  for (const recursive of [false, true]) {
    const clock = new FakeClock()
    const removing = remove({ clock, recursive, dryRun: true })
    while (clock.pending === 0) await new Promise(setImmediate)
    disk.put(`/d/${changes}/sign`, '')
    disk.remove(`/d/${changes}/sign`)
    clock.advance(LEASE)
    const { replaced } = await removing
    const expected = [`/d/${dead}`, `/d/${elsewhere}`, ...(recursive ? [`/d/below/${dead}`] : [])]
    t.deepEqual(replaced.sort(), expected.sort())
  }
  t.deepEqual(disk.list(), before)
  t.is((await remove({ force: true, clock: new FakeClock(), olderThan: 0 })).replaced.length, 3)
})

test('only what is old enough goes', async (t) => {
  const { disk, remove } = setup()
  disk.put(`/d/${temporaryName({ owner: gone })}`, 'x')
  t.is((await remove({ olderThan: 31 * HOUR })).count, 0)
  t.is((await remove({ olderThan: 30 * HOUR })).count, 1)
  await t.throwsAsync(remove({ olderThan: -1 }), { code: 'ERR_USAGE' })
  await t.throwsAsync(remove({}, ''), { code: 'ERR_USAGE' })
})

test('folders and pipes that are called like ours stay, and no link is followed', async (t) => {
  const { disk, remove } = setup()
  let n = 0
  const name = () => temporaryName({ owner: { ...gone, token: `${n++}` } })
  disk.put(`/outside/${name()}`, 'not asked for')
  disk.putFolder(`/d/${name()}`)
  disk.putPipe(`/d/${name()}`)
  disk.putLink('/d/out', '/outside')
  const before = disk.list()
  t.is((await remove({ recursive: true })).count, 0)
  t.deepEqual(disk.list(), before)
})

test('a link that a dead process had not given its name yet goes, what it leads to stays', async (t) => {
  const { disk, remove } = setup()
  const [link, living] = [gone, me].map((owner) => `/d/${temporaryName({ owner })}`)
  disk.put('/outside/precious', 'mine')
  for (const path of [link!, living!]) disk.putLink(path, '/outside/precious')
  const before = disk.list()
  t.deepEqual((await remove()).files, [link])
  t.deepEqual(
    disk.list(),
    before.filter((path) => !path.startsWith(link!)),
  )
})

test('what another user lets nobody look into is passed over and said, in a dry run as well; the rest goes', async (t) => {
  const { disk, remove } = setup()
  // one that cannot be entered, one in which only the names can be read, and one of our own
  for (const folder of ['/d/shut', '/d/names', '/d/mine'])
    disk.put(`${folder}/${temporaryName({ owner: gone })}`, 'x')
  const last = `/d/z/${temporaryName({ owner: gone })}`
  disk.put(last, 'x')
  for (const folder of ['/d/shut', '/d/names']) await giveTo(disk, folder, 1001)
  disk.fail({ call: 'open', path: /^\/d\/(shut|mine)$/, error: 'EACCES', once: false })
  disk.fail({ call: 'lstat', path: /^\/d\/names\//, error: 'EACCES', once: false })
  for (const dryRun of [true, false]) {
    const { files, errors, foreign } = await remove({ recursive: true, dryRun })
    t.deepEqual(files, [last])
    t.like(errors, [{ code: 'ERR_PERMISSION', path: '/d/mine' }])
    t.regex(errors[0]!.message, /^cannot look into /)
    t.deepEqual(foreign.map(({ path }) => path!.split('/')[2]).sort(), ['names', 'shut'])
    for (const { message } of foreign) t.regex(message, /another user's \(1001\)/)
  }
  t.deepEqual(disk.openHandles(), [])
})

test('folders below are searched only if asked for', async (t) => {
  for (const platform of ['linux', 'darwin'] as const) {
    const { disk, remove } = setup(new MemoryDisk({ platform, now: () => NOW - 30 * HOUR }))
    for (const folder of ['/d', '/d/a', '/d/a/b'])
      disk.put(`${folder}/${temporaryName({ owner: gone })}`, 'x')
    t.is((await remove()).count, 1)
    t.is((await remove({ recursive: true })).count, 2)
    t.deepEqual(disk.openHandles(), [])
  }
})

test('what cannot be removed is said, and the rest removed; what somebody else removed is fine', async (t) => {
  const { disk, remove } = setup()
  for (let i = 0; i < 4; i++) disk.put(`/d/${temporaryName({ owner: { ...gone, token: `${i}` } })}`, 'x')
  disk.put('/d/folder/x', 'x')
  disk.fail({ call: 'unlink', error: 'EACCES' })
  disk.fail({ call: 'unlink', nth: 2, error: 'ENOENT' })
  disk.fail({ call: 'open', path: '/d/folder', error: 'EIO' })
  const { count, errors } = await remove({ recursive: true })
  t.is(count, 2)
  t.deepEqual(
    errors.map(({ code }) => code),
    ['ERR_PERMISSION', 'ERR_WRITE'],
  )
  await t.throwsAsync(remove({}, '/none'), { code: 'ERR_WRITE' })
  disk.heal()
  t.is((await remove()).count, 2)
})

test('a folder that is exchanged while it is entered is left alone', async (t) => {
  const { disk, remove } = setup()
  disk.putFolder('/d/a')
  disk.hook = ({ call, path }) => {
    if (call !== 'open' || path !== '/d/a') return
    disk.move('/d/a', '/d/b')
    disk.put(`/d/a/${temporaryName({ owner: gone })}`, 'x')
  }
  t.is((await remove({ recursive: true })).count, 0)
  t.deepEqual(disk.openHandles(), [])
})

test('on the real disk, what a process left that was killed is removed', async (t) => {
  const folder = await temporary(t)
  const index = new URL('../../../lib/files/index.js', import.meta.url).href
  const script = `
    const { AtomicFile } = await import(${JSON.stringify(index)})
    const file = await AtomicFile.open(process.argv[1] + '/file')
    await file.write([Buffer.from('half')])
    process.kill(process.pid, 'SIGKILL')
    setInterval(() => {}, 1000)`
  await t.throwsAsync(promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, folder]))
  const [left] = await readdir(folder)
  await removeOrphans(folder)
  t.deepEqual(await readdir(folder), [left])
  await utimes(join(folder, left!), 1_600_000_000, 1_600_000_000)
  const { count, bytes } = await removeOrphans(folder)
  t.deepEqual([count, bytes], [1, 4])
  t.deepEqual(await readdir(folder), [])
})
