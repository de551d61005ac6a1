import { gunzipSync, gzipSync } from 'node:zlib'
import test from 'ava'
import { OPEN, type RotateOptions, rotateFile, writeFileAtomic } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Machine } from '../../helpers/machine.js'
import { giveTo } from '../../helpers/users.js'

function disk(files: Record<string, string> = {}): MemoryDisk {
  const made = new MemoryDisk()
  made.putFolder('/d')
  for (const [name, content] of Object.entries(files)) made.put(`/d/${name}`, content)
  return made
}

/** @param plain the name of one that is not compressed */
function contents(of: MemoryDisk, plain?: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [path, content] of of.snapshot()) {
    const isPacked = path.endsWith('.gz') && path !== `/d/${plain}`
    found[path.slice(3)] = isPacked ? `gz:${gunzipSync(content)}` : content.toString()
  }
  return found
}

/** Another user makes a file. */
async function plant(on: MemoryDisk, name: string): Promise<void> {
  on.put(`/d/${name}`, 'planted')
  await giveTo(on, `/d/${name}`, 7)
}

async function rotate(of: MemoryDisk, options: RotateOptions = {}) {
  const result = await rotateFile('/d/log', { fs: of, system: new Machine().start(1), ...options })
  if (of.openHandles().length > 0) throw new Error(`left open: ${of.openHandles()}`)
  return result
}

test('KNOWN-FAILURES 47: rotation to 3 files keeps 3', async (t) => {
  const there = disk()
  for (let n = 1; n <= 6; n++) {
    there.put('/d/log', `${n}`)
    const { rotated, to, removed } = await rotate(there, { keep: 3 })
    t.deepEqual([rotated, to], [true, '/d/log.1'])
    t.deepEqual(removed, n > 3 ? ['/d/log.4'] : [])
  }
  t.deepEqual(contents(there), { 'log.1': '6', 'log.2': '5', 'log.3': '4' })
})

test('the file takes the first free number, and those beyond keep are removed', async (t) => {
  const there = disk({
    log: '0',
    'log.1': '1',
    'log.3': '3',
    'log.4': '4',
    'log.7.gz': gzipSync('7').toString('latin1'),
  })
  t.deepEqual((await rotate(there, { keep: 3 })).removed.sort(), ['/d/log.4', '/d/log.7.gz'])
  t.deepEqual(contents(there), { 'log.1': '0', 'log.2': '1', 'log.3': '3' })
})

test('from a size on: what is smaller stays, nothing is changed, and nothing is synced', async (t) => {
  const there = disk({ log: '12345', 'log.1': 'older', 'log.9': 'beyond keep' })
  const before = contents(there)
  let syncs = 0
  there.hook = ({ call }) => {
    if (call === 'fsync') syncs++
  }
  t.deepEqual(await rotate(there, { minSize: 6, keep: 2, compress: true }), { rotated: false, removed: [] })
  t.deepEqual([contents(there), syncs], [before, 0])
  t.true((await rotate(there, { minSize: 5, keep: 2 })).rotated)
  t.deepEqual(contents(there), { 'log.1': '12345', 'log.2': 'older' })
  // no file is none, however large it should be
  t.false((await rotate(there, { minSize: 0 })).rotated)
  there.put('/d/log', '')
  t.true((await rotate(there, { minSize: 0 })).rotated)
})

test('from an age on, which counts from when the file was made, not from the last line in it', async (t) => {
  const there = disk({ log: '1' })
  const made = (await there.stat('/d/log')).birthtimeMs!
  const at = (ms: number) => ({ minAge: 1000, now: () => made + ms })
  const fd = await there.open('/d/log', OPEN.append)
  await there.write(fd, [Buffer.from('2')], null)
  await there.futimes(fd, 0, (made + 900) / 1000)
  await there.close(fd)
  t.false((await rotate(there, at(999))).rotated)
  // a clock that was set back
  t.false((await rotate(there, at(-5000))).rotated)
  t.true((await rotate(there, at(1000))).rotated)
  // either is enough
  there.put('/d/log', '12')
  t.false((await rotate(there, { ...at(0), minSize: 3 })).rotated)
  t.true((await rotate(there, { ...at(0), minSize: 2 })).rotated)
})

test('where the disk does not say when a file was made, and for content that is older, the last change counts', async (t) => {
  for (const birthtimeMs of [undefined, 0, 9_000_000]) {
    const there = disk({ log: '1' })
    const fd = await there.open('/d/log', OPEN.update)
    await there.futimes(fd, 0, 5000)
    await there.close(fd)
    const fs = new Proxy(there, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (key !== 'fstat') return typeof value === 'function' ? value.bind(target) : value
        return async (of: number) => ({ ...(await target.fstat(of)), birthtimeMs })
      },
    })
    const options = { fs, system: new Machine().start(1), minAge: 1000 }
    t.false((await rotateFile('/d/log', { ...options, now: () => 5_000_999 })).rotated)
    t.true((await rotateFile('/d/log', { ...options, now: () => 5_001_000 })).rotated)
  }
})

test('of several processes that find a log too large one rotates it', async (t) => {
  const there = disk({ log: 'too large' })
  const machine = new Machine()
  const all = [1, 2, 3].map((pid) => rotate(there, { minSize: 5, system: machine.start(pid) }))
  const rotated = (await Promise.all(all)).filter((one) => one.rotated)
  t.is(rotated.length, 1)
  t.deepEqual(contents(there), { 'log.1': 'too large' })
})

test('only names that rotation gives are touched', async (t) => {
  const others = {
    'log.0': 'a',
    'log.01': 'b',
    'log.1.bak': 'c',
    'log.x': 'd',
    'xlog.1': 'e',
    'log2.1': 'f',
    'log.1.gz.1': 'g',
  }
  const there = disk({ ...others, log: '0' })
  await rotate(there, { keep: 1, compress: true })
  t.deepEqual(contents(there), { ...others, 'log.1.gz': 'gz:0' })
})

test('what another user has put there is left out, and locks nobody out', async (t) => {
  for (const name of ['log.2', 'log.2.gz', 'log.1', 'log.999999']) {
    const there = disk({ log: '0' })
    await plant(there, name)
    for (const content of ['1', '2', '3', '4']) {
      const result = await rotate(there, { keep: 2, compress: true })
      t.deepEqual([result.rotated, result.warning?.code], [true, 'ERR_PERMISSION'])
      t.regex(result.warning!.message, /belongs to another user \(7\), and is passed over/)
      there.put('/d/log', content)
    }
    const { [name]: planted, log, ...ours } = contents(there, name)
    t.deepEqual([planted, log], ['planted', '4'])
    t.deepEqual(Object.values(ours).sort(), ['gz:2', 'gz:3'], name)
  }
})

test('what was rotated before somebody planted its compressed form is not removed, and moves on', async (t) => {
  const there = disk({ log: '2', 'log.1': '1' })
  // the very content: as if it had been compressed
  there.put('/d/log.1.gz', gzipSync('1'))
  await giveTo(there, '/d/log.1.gz', 7)
  t.like(await rotate(there, { minSize: 9, compress: true }), { rotated: false })
  const result = await rotate(there, { compress: true })
  t.like(result, { rotated: true, to: '/d/log.2.gz', removed: [] })
  t.deepEqual(contents(there), { 'log.1.gz': 'gz:1', 'log.2.gz': 'gz:2', 'log.3.gz': 'gz:1' })
})

test('what a peer sends under the next numbers pushes out none that was rotated before it had its turn', async (t) => {
  const there = disk({ log: '3', 'log.1': '2', 'log.2': '1' })
  for (const name of ['log.3', 'log.3.gz', 'log.4', 'log.4.gz', 'log.2.gz', 'log.9'])
    there.put(`/d/${name}`, 'sent')
  const ours = () =>
    Object.entries(contents(there, 'log.3.gz'))
      .filter(([, content]) => content !== 'sent')
      .map(([name, content]) => `${name}=${content}`)
      .sort()
  there.put('/d/log.2.gz', gzipSync('sent'))
  for (const gz of ['log.3.gz', 'log.4.gz']) there.put(`/d/${gz}`, gzipSync('sent'))
  const rotated: string[][] = []
  for (const next of ['4', '5']) {
    await rotate(there, { keep: 4 })
    rotated.push(ours().filter((one) => !one.includes('gz')))
    there.put('/d/log', next)
  }
  t.deepEqual(rotated, [
    ['log.1=3', 'log.2=2', 'log.3=1'],
    ['log.1=4', 'log.2=3', 'log.3=2', 'log.4=1'],
  ])
})

test('neither a link nor a folder of another user is in the way', async (t) => {
  const there = disk({ log: '0', secret: 'secret' })
  await there.symlink('secret', '/d/log.1')
  there.putFolder('/d/log.3')
  await giveTo(there, '/d/log.3', 7)
  const lstat = there.lstat.bind(there)
  there.lstat = async (path) => {
    const stats = await lstat(path)
    return stats.isSymbolicLink() ? Object.assign(Object.create(stats), { uid: 7 }) : stats
  }
  t.like(await rotate(there, { keep: 1 }), { to: '/d/log.2', removed: [] })
  there.put('/d/log', '1')
  t.like(await rotate(there, { keep: 1 }), { to: '/d/log.2', removed: ['/d/log.4'] })
  t.is(contents(there).secret, 'secret')
})

test('the rotated files of the owner of the file, or of the folder, are ours too', async (t) => {
  for (const whose of ['log', '']) {
    const there = disk({ log: '2', 'log.1': '1' })
    for (const name of [whose, 'log.1']) await giveTo(there, `/d/${name}`, 7)
    const result = await rotate(there, { keep: 1, compress: true })
    t.deepEqual(result, { rotated: true, to: '/d/log.1.gz', removed: ['/d/log.2'] }, whose)
  }
})

test('no file is no error', async (t) => {
  const there = disk({ 'log.1': '1', 'log.2': '2' })
  t.deepEqual(await rotate(there, { keep: 1 }), { rotated: false, removed: ['/d/log.2'] })
  t.deepEqual(contents(there), { 'log.1': '1' })
})

test('compressed files keep mode and time, and move with their ending', async (t) => {
  const there = disk({ 'log.1': 'one' })
  there.put('/d/log', 'x'.repeat(700_000), 0o640)
  const { mtimeMs } = await there.stat('/d/log')
  t.is((await rotate(there, { compress: true })).to, '/d/log.1.gz')
  const { mode, mtimeMs: time } = await there.stat('/d/log.1.gz')
  t.deepEqual([mode & 0o777, Math.floor(time)], [0o640, Math.floor(mtimeMs)])
  there.put('/d/log', 'new')
  t.is((await rotate(there)).to, '/d/log.1')
  t.deepEqual(contents(there), {
    'log.1': 'new',
    'log.2.gz': `gz:${'x'.repeat(700_000)}`,
    'log.3.gz': 'gz:one',
  })
})

test('what is written to a rotated file while it is compressed is not lost', async (t) => {
  const there = disk({ log: 'early' })
  there.hook = ({ call, path }) => {
    if (call === 'fsync' && path.endsWith('.sluice-tmp')) there.put('/d/log.1', 'early and late')
  }
  const { rotated, warning } = await rotate(there, { compress: true })
  t.true(rotated)
  t.is(warning?.code, 'ERR_SOURCE_CHANGED')
  t.deepEqual(contents(there), { 'log.1': 'early and late' })
})

test('a compressed file that is not what stands beside it is left there, and both move on', async (t) => {
  const there = disk({ log: '0', 'log.1': '1' })
  there.put('/d/log.1.gz', gzipSync('other'))
  there.put('/d/log.2.gz', gzipSync('1').subarray(0, 15))
  there.put('/d/log.2', '1')
  const { warning } = await rotate(there, { compress: true })
  t.is(warning?.code, 'ERR_SOURCE_CHANGED')
  const files = there.snapshot()
  t.deepEqual([...files.keys()].sort(), ['/d/log.1.gz', '/d/log.2', '/d/log.2.gz', '/d/log.3', '/d/log.3.gz'])
  t.is(gunzipSync(files.get('/d/log.2.gz')!).toString(), 'other')
})

test('an interrupted run is gone on with', async (t) => {
  const there = disk({ log: '0', 'log.2': '1' })
  t.deepEqual(await rotate(there), { rotated: true, to: '/d/log.1', removed: [] })
  t.deepEqual(contents(there), { 'log.1': '0', 'log.2': '1' })
  const both = disk({ 'log.1': '1' })
  both.put('/d/log.1.gz', gzipSync('1'))
  t.deepEqual(await rotate(both, { compress: true }), { rotated: false, removed: [] })
  t.deepEqual(contents(both), { 'log.1.gz': 'gz:1' })
})

test('hard links to one file are rotated like any other files', async (t) => {
  const there = disk({ log: '0' })
  await there.link('/d/log', '/d/log.1')
  t.true((await rotate(there)).rotated)
  t.deepEqual(contents(there), { 'log.1': '0', 'log.2': '0' })
})

test('a file that somebody puts there at any call of a rotation is there afterwards, or is rotated', async (t) => {
  for (let at = 1, made = 1; at <= made; at++) {
    const there = disk({ log: 'first', 'log.1': 'older' })
    made = 0
    there.delay = async () => {
      if (++made !== at) return
      there.delay = undefined
      const before = contents(there)
      await writeFileAtomic('/d/log', 'acknowledged', { fs: there })
      // it replaced the first one, or was made anew
      if ('log' in before) t.is(before.log, 'first')
      there.hook = () => void made++
    }
    await rotate(there)
    const found = Object.values(contents(there))
    t.true(found.includes('acknowledged') && found.includes('older'), `call ${at}: ${found}`)
  }
})

test('an error that is answered although the file was moved is not believed', async (t) => {
  const there = disk({ log: '0', 'log.1': '1' })
  there.fail({ call: 'rename', error: 'EIO', after: true, once: false })
  t.is((await rotate(there)).to, '/d/log.1')
  t.deepEqual(contents(there), { 'log.1': '0', 'log.2': '1' })
})

test('rotations of one file wait for each other, those of two files do not', async (t) => {
  const there = disk({ log: '0', 'log.1': '1', other: 'x' })
  const machine = new Machine()
  const options = { fs: there, system: machine.start(1) }
  await Promise.all([
    rotateFile('/d/log', options),
    rotateFile('/d/log', options),
    rotateFile('/d/other', options),
  ])
  t.deepEqual(contents(there), { 'log.1': '0', 'log.2': '1', 'other.1': 'x' })
  there.put('/d/log', 'new')
  let second: Promise<unknown> | undefined
  there.delay = async ({ call, path }) => {
    if (call !== 'rename' || path !== '/d/log') return
    there.delay = undefined
    second = rotateFile('/d/log', { ...options, timeout: 0 })
    await second.catch(() => {})
  }
  await rotateFile('/d/log', options)
  await t.throwsAsync(second!, { code: 'ERR_LOCKED' })
  t.is(contents(there)['log.1'], 'new')
})

test('what is no regular file is refused, and nothing has moved', async (t) => {
  const there = disk({ real: 'text', 'log.1': '1' })
  there.putLink('/d/log', 'real')
  await t.throwsAsync(rotate(there), { code: 'ERR_UNSAFE_LINK' })
  there.remove('/d/log')
  there.putFolder('/d/log')
  await t.throwsAsync(rotate(there), { code: 'ERR_WRITE' })
  there.put('/d/log', '0')
  there.putFolder('/d/log.2')
  await t.throwsAsync(rotate(there), { code: 'ERR_CONFLICT', message: /log\.2/ })
  t.deepEqual(contents(there), { real: 'text', 'log.1': '1', log: '0' })
  await t.throwsAsync(rotateFile('/none/log', { fs: there }), { code: 'ERR_WRITE' })
})

test('a name that is taken in the very moment is not overwritten', async (t) => {
  const there = disk({ log: '0', 'log.1': '1' })
  there.hook = ({ call, path }) => {
    if (call === 'lstat' && path === '/d/log.2') there.put('/d/log.2', 'of somebody else')
  }
  await t.throwsAsync(rotate(there), { code: 'ERR_CONFLICT' })
  t.deepEqual(contents(there), { log: '0', 'log.1': '1', 'log.2': 'of somebody else' })
})

test('what fails once the file is rotated is a warning, and the next run goes on with it', async (t) => {
  const cases = [
    { call: 'write', path: /sluice-tmp/, error: 'ENOSPC', once: false, code: 'ERR_DISK_FULL' },
    { call: 'open', path: /sluice-tmp/, error: 'EACCES', once: false, code: 'ERR_PERMISSION' },
    { call: 'rename', path: /sluice-tmp/, error: 'ENAMETOOLONG', once: false, code: 'ERR_WRITE' },
    { call: 'unlink', path: /log\.3$/, error: 'EIO', once: false, code: 'ERR_WRITE' },
  ] as const
  for (const { code, ...fault } of cases) {
    const there = disk({ log: '0', 'log.1': '1', 'log.2': '2' })
    there.fail(fault)
    const { rotated, to, warning } = await rotate(there, { compress: true, keep: 2 })
    t.deepEqual([rotated, to, warning?.code], [true, '/d/log.1', code], fault.call)
    t.is(contents(there)['log.1'], '0')
    there.heal()
    t.deepEqual((await rotate(there, { compress: true, keep: 2 })).rotated, false)
    t.deepEqual(contents(there), { 'log.1.gz': 'gz:0', 'log.2.gz': 'gz:1' })
  }
})

test('what fails before the file is rotated leaves it at its path', async (t) => {
  const there = disk({ log: '0', 'log.1': '1' })
  there.fail({ call: 'rename', path: '/d/log', error: 'EACCES' })
  await t.throwsAsync(rotate(there), { code: 'ERR_PERMISSION' })
  t.deepEqual(contents(there), { log: '0', 'log.2': '1' })
  await rotate(there)
  t.deepEqual(contents(there), { 'log.1': '0', 'log.2': '1' })
  there.fail({ call: 'unlink', path: /log/, error: 'EIO', once: false })
  await t.throwsAsync(rotate(there, { keep: 1 }), { code: 'ERR_WRITE' }, 'nothing was rotated')
})

test('on Windows a log that somebody has open for a moment is waited for', async (t) => {
  const there = new MemoryDisk({ platform: 'win32' })
  there.put('/d/log', '0')
  there.fail({ call: 'rename', path: /log$/, error: 'EBUSY' })
  t.is((await rotate(there, { clock: new FakeClock({ auto: true }) })).to, '/d/log.1')
  t.deepEqual(contents(there), { 'log.1': '0' })
})

test('it also works without hard links', async (t) => {
  const there = new MemoryDisk({ links: false })
  there.put('/d/log', '0')
  there.put('/d/log.1', '1')
  await rotate(there, { compress: true })
  t.deepEqual(contents(there), { 'log.1.gz': 'gz:0', 'log.2.gz': 'gz:1' })
})

test('wrong options are refused', async (t) => {
  const wrong: [string, RotateOptions][] = [
    ['keep', { keep: 0 }],
    ['keep', { keep: 1.5 }],
    ['minSize', { minSize: -1 }],
    ['minAge', { minAge: Number.NaN }],
    ['durability', { durability: 'none' as 'crash' }],
    ['timeout', { timeout: -1 }],
    ['compress', { compress: 'yes' as unknown as boolean }],
  ]
  for (const [name, options] of wrong) {
    await t.throwsAsync(rotate(disk(), options), { code: 'ERR_USAGE', message: new RegExp(name) })
  }
  await t.throwsAsync(rotateFile('', {}), { code: 'ERR_USAGE' })
})
