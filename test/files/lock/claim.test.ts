import test from 'ava'
import { FolderLock, type LockOptions, OPEN, SystemError } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Machine } from '../../helpers/machine.js'

const FOLDER = '/d/.sluice-lock-lock'

function scene() {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const machine = new Machine()
  const clock = new FakeClock({ auto: true })
  const acquire = (pid: number, options: LockOptions = {}) =>
    FolderLock.acquire('/d', { fs: disk, system: machine.start(pid), clock, ...options })
  /** Resolves before the call that `wanted` names is done. */
  const before = (wanted: string) =>
    new Promise<void>((resolve) => {
      disk.hook = ({ call, path }) => {
        if (`${call} ${path}`.startsWith(wanted)) resolve()
      }
    })
  return { disk, machine, acquire, before }
}

test('a writer that waits inside lets no new reader in, and is the next one', async (t) => {
  const { acquire, before } = scene()
  const first = await acquire(1, { mode: 'shared' })
  const writing = acquire(2)
  await before(`readdir ${FOLDER}`)
  const error = await t.throwsAsync(acquire(3, { mode: 'shared', timeout: 500 }), { code: 'ERR_LOCKED' })
  t.regex(error!.message, /process 2 \(exclusive\)/)
  const reading = acquire(3, { mode: 'shared' })
  await first.release()
  const writer = await writing
  await writer.check()
  await writer.release()
  await (await reading).release()
})

test('a writer that gives up inside lets the readers in again', async (t) => {
  const { acquire, disk } = scene()
  const first = await acquire(1, { mode: 'shared' })
  await t.throwsAsync(acquire(2, { timeout: 50 }), { code: 'ERR_LOCKED', message: /process 1 \(shared\)/ })
  const second = await acquire(3, { mode: 'shared', timeout: 0 })
  await first.release()
  await second.release()
  t.deepEqual(disk.list(), ['/d/'])
})

test('a link or a file that has the name of the folder is not used', async (t) => {
  const { acquire, disk } = scene()
  disk.putFolder('/elsewhere')
  disk.putLink(FOLDER, '/elsewhere')
  await t.throwsAsync(acquire(1), { code: 'ERR_UNSAFE_LINK' })
  disk.put(FOLDER, 'mine')
  await t.throwsAsync(acquire(1), { code: 'ERR_WRITE', message: /not a folder/ })
  t.deepEqual(disk.list(), ['/d/', FOLDER, '/elsewhere/'])
})

test('what is not ours is never taken away, and named', async (t) => {
  const { acquire, disk } = scene()
  const strange = ['exclusive-1', 'shared-x-0-a-b-c', `new-shared-1-0-a-b-\u202e`]
  for (const name of strange) disk.putFolder(`${FOLDER}/gate/${name}`)
  disk.putFolder(`${FOLDER}/new-mine/mine`)
  const error = await t.throwsAsync(acquire(1, { timeout: 50 }), { code: 'ERR_LOCKED' })
  t.regex(error!.message, /something that is not ours, "exclusive-1".*\\u\{202e\}/)
  for (const name of strange) disk.remove(`${FOLDER}/gate/${name}`)
  await (await acquire(1)).release()
  t.deepEqual(disk.list(), ['/d/', `${FOLDER}/`, `${FOLDER}/new-mine/`, `${FOLDER}/new-mine/mine/`])
})

for (const code of ['EPERM', 'EACCES', 'EBUSY']) {
  test(`where no folder can be renamed over another, not even an empty one, it is removed first (${code})`, async (t) => {
    const { acquire, disk } = scene()
    disk.hook = ({ call, to }) => {
      if (call === 'rename' && disk.list().includes(`${to}/`)) throw new SystemError(code, call, `${to}`)
    }
    // a dead holder leaves an empty gate behind
    disk.putFolder(`${FOLDER}/gate`)
    const first = await acquire(1)
    await t.throwsAsync(acquire(2, { timeout: 200 }), { code: 'ERR_LOCKED', message: /process 1 / })
    const second = acquire(2, { mode: 'shared' })
    await first.release()
    await (await second).release()
    t.deepEqual(disk.list(), ['/d/'])
  })
}

test('whoever waits begins anew when the folder is removed by hand, and still only one gets it', async (t) => {
  const { acquire, disk, before } = scene()
  const first = await acquire(1)
  const waiting = acquire(2)
  await before('rename')
  disk.remove(FOLDER)
  const second = await waiting
  await t.throwsAsync(first.check(), { code: 'ERR_LOCK_LOST' })
  await second.check()
  await t.throwsAsync(acquire(3, { timeout: 0 }), { code: 'ERR_LOCKED' })
  await second.release()
  t.deepEqual(disk.list(), ['/d/'])
})

test('a claim whose entry is removed by hand while it is inside begins anew', async (t) => {
  for (const mode of ['exclusive', 'shared'] as const) {
    const { acquire, disk, before } = scene()
    const reader = await acquire(1, { mode: 'shared' })
    const waiting = acquire(2, { mode })
    await before(mode === 'shared' ? `rename ${FOLDER}/gate/` : `readdir ${FOLDER}`)
    disk.remove(FOLDER)
    const lock = await waiting
    await lock.check()
    await lock.release()
    await reader.release()
    t.deepEqual(disk.list(), ['/d/'], mode)
  }
})

test('a claim that is removed by hand again and again ends with its time', async (t) => {
  const { acquire, disk } = scene()
  disk.hook = ({ call, path }) => {
    if (call === 'rename' && path.startsWith(`${FOLDER}/gate/`)) disk.remove(FOLDER)
  }
  const error = await t.throwsAsync(acquire(1, { mode: 'shared', timeout: 100 }), { code: 'ERR_LOCKED' })
  t.regex(error!.message, /others, in turns/)
})

test('a release that fails may be done again, and until then others in this process take it over', async (t) => {
  const { disk, machine } = scene()
  const options = { fs: disk, system: machine.start(1), clock: new FakeClock({ auto: true }), timeout: 0 }
  const first = await FolderLock.acquire('/d', options)
  disk.fail({ call: 'rmdir', error: 'EIO' })
  await t.throwsAsync(first.release(), { code: 'ERR_WRITE' })
  await t.throwsAsync(first.check(), { code: 'ERR_LOCK_LOST' })
  const other = { ...options, system: machine.start(2) }
  const second = await FolderLock.acquire('/d', options)
  await t.throwsAsync(FolderLock.acquire('/d', other), { code: 'ERR_LOCKED' })
  disk.fail({ call: 'rmdir', error: 'EIO' })
  await t.throwsAsync(second.release(), { code: 'ERR_WRITE' })
  await second.release()
  await first.release()
  await (await FolderLock.acquire('/d', other)).release()
  t.deepEqual(disk.list(), ['/d/'])
})

test('a claim that waits inside notices that somebody else is inside by now', async (t) => {
  const { acquire, disk } = scene()
  await acquire(1, { mode: 'shared' })
  const clock = new FakeClock()
  const waiting = acquire(2, { timeout: 400, clock })
  const paused = async () => {
    for (let turns = 0; clock.pending === 0 && turns < 1000; turns++) await new Promise(setImmediate)
  }
  await paused()
  disk.remove(FOLDER)
  const other = await acquire(3, { timeout: 0 })
  clock.advance(100)
  await paused()
  clock.advance(100)
  await paused()
  clock.advance(1000)
  await t.throwsAsync(waiting, { code: 'ERR_LOCKED', message: /process 3 \(exclusive\)/ })
  await other.check()
})

test('an answer that is lost is looked up, and a call that is done twice is done', async (t) => {
  for (const [call, error] of [
    ['rename', 'EIO'],
    ['rename', 'ENOENT'],
    ['rename', 'EPERM'],
    ['mkdir', 'EEXIST'],
    ['rmdir', 'ENOENT'],
  ] as const) {
    for (const mode of ['exclusive', 'shared'] as const) {
      for (const nth of [1, 2]) {
        const { acquire, disk } = scene()
        disk.fail({ call, error, nth, path: /(gate|new-[^/]*|-[0-9a-f]+)$/, after: true })
        const lock = await acquire(1, { mode, timeout: 0 })
        await lock.check()
        await lock.release()
        t.deepEqual(disk.list(), ['/d/'], `${call} ${error} ${mode} ${nth}`)
      }
    }
  }
})

test('users who may all write to a folder may write in its lock, too, and nobody else may', async (t) => {
  const cases: [folder: number, lock: number, mode: string][] = [
    [0o777, 0o777, 'everybody'],
    [0o775, 0o775, 'the group'],
    [0o2770, 0o770, 'the group, and others may not look'],
    [0o755, 0o755, 'the owner'],
    [0o700, 0o755, 'the owner alone'],
    [0o1777, 0o755, 'everybody, but nobody removes what is not his own'],
  ]
  for (const [mode, expected, who] of cases) {
    for (const kind of ['exclusive', 'shared'] as const) {
      const { acquire, disk } = scene()
      const fd = await disk.open('/d', OPEN.folder)
      await disk.fchmod(fd, mode)
      await disk.close(fd)
      const lock = await acquire(1, { mode: kind })
      const paths = kind === 'exclusive' ? [FOLDER, `${FOLDER}/gate`] : [FOLDER]
      for (const path of paths) t.is((await disk.stat(path)).mode & 0o7777, expected, `${who}: ${path}`)
      await lock.release()
      t.deepEqual(disk.list(), ['/d/'])
      t.deepEqual(disk.openHandles(), [])
    }
  }
})

test('a group that has no part in the folder gets of its lock what all others get, neither more nor less', async (t) => {
  for (const [mode, expected] of [
    [0o775, 0o755],
    [0o777, 0o777],
    [0o707, 0o777],
    [0o770, 0o700],
  ] as const) {
    const { acquire, disk } = scene()
    const fd = await disk.open('/d', OPEN.folder)
    await disk.fchmod(fd, mode)
    await disk.fchown(fd, 0, 4711)
    await disk.close(fd)
    const lock = await acquire(1)
    for (const path of [FOLDER, `${FOLDER}/gate`]) t.is((await disk.stat(path)).mode & 0o777, expected)
    await lock.release()
    t.deepEqual(disk.openHandles(), [])
  }
})

test('a lock works where there are no modes', async (t) => {
  const { acquire, disk } = scene()
  const fd = await disk.open('/d', OPEN.folder)
  await disk.fchmod(fd, 0o777)
  await disk.close(fd)
  disk.fail({ call: 'fchmod', error: 'EPERM', once: false })
  const lock = await acquire(1)
  t.is((await disk.stat(FOLDER)).mode & 0o777, 0o755)
  await lock.release()
  t.deepEqual(disk.openHandles(), [])
})

test('a lock that another user has just made, or was killed before he shared it, is shared', async (t) => {
  const { acquire, disk } = scene()
  const fd = await disk.open('/d', OPEN.folder)
  await disk.fchmod(fd, 0o777)
  await disk.close(fd)
  disk.putFolder(FOLDER)
  disk.fail({ call: 'mkdir', error: 'EACCES' })
  const lock = await acquire(1)
  t.is((await disk.stat(FOLDER)).mode & 0o777, 0o777)
  await lock.release()
})

test('where the lock is of another user and cannot be shared, that is said at once', async (t) => {
  const { acquire, disk } = scene()
  disk.putFolder(`${FOLDER}/gate/exclusive-of-theirs`)
  disk.fail({ call: 'mkdir', error: 'EACCES', once: false })
  await t.throwsAsync(acquire(1), {
    code: 'ERR_PERMISSION',
    message:
      /the folder of its lock belongs to the user 0, .* let both users write to \/d, without the sticky bit/,
  })
  disk.remove(FOLDER)
  await t.throwsAsync(acquire(1), {
    code: 'ERR_PERMISSION',
    message: /^cannot lock \/d: (?!the folder of its lock)/,
  })
})
