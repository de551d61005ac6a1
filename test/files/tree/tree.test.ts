import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import {
  blockingFileSystem,
  errorCode,
  type FileSystem,
  makeFileSystem,
  OPEN,
  publish,
  Tree,
  writeFully,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { randomBySeed } from '../../../lib/testing/splits.js'
import { scale } from '../../helpers/scale.js'

const memory = (platform: NodeJS.Platform = 'linux') => {
  const disk = new MemoryDisk({ platform })
  disk.putFolder('/root/a/b')
  disk.putFolder('/outside')
  return disk
}

const causes = (error: Error | undefined) => errorCode(error?.cause)

test('the root may be reached through a link, and is resolved once', async (t) => {
  const disk = memory()
  disk.putLink('/link', '/root')
  const tree = await Tree.open('/link', { fs: disk })
  t.is(tree.root, '/root')
  disk.putLink('/link', '/outside')
  t.is(await tree.makeFolder('new'), 'created')
  t.true(disk.list().includes('/root/new/'))
  await tree.close()
  t.deepEqual(disk.openHandles(), [])
})

test('a missing root is made with the folders above it, if asked', async (t) => {
  const disk = new MemoryDisk()
  const error = await t.throwsAsync(Tree.open('/x/y/z', { fs: disk }), {
    code: 'ERR_WRITE',
    message: /\/x\/y\/z/,
  })
  t.is(causes(error), 'ENOENT')
  for (let i = 0; i < 2; i++) await (await Tree.open('/x/y/z/', { fs: disk, create: true })).close()
  t.deepEqual(disk.list(), ['/x/', '/x/y/', '/x/y/z/'])
  const synced: string[] = []
  disk.hook = ({ call, path }) => {
    if (call === 'fsync') synced.push(path)
  }
  await (await Tree.open('/p/q', { fs: disk, create: true, durability: 'power' })).close()
  t.deepEqual([...new Set(synced)], ['/', '/p/'])
  disk.hook = undefined
  disk.put('/file')
  await t.throwsAsync(Tree.open('/file', { fs: disk, create: true }), { code: 'ERR_WRITE' })
  await t.throwsAsync(Tree.open('/file/below', { fs: disk, create: true }), { code: 'ERR_WRITE' })
  disk.fail({ call: 'mkdir', error: 'EROFS' })
  await t.throwsAsync(Tree.open('/q', { fs: disk, create: true }), { code: 'ERR_READ_ONLY' })
  t.deepEqual(disk.openHandles(), [])
})

test('a link that leads to nothing, or is on the way to what is missing, is an error that names it', async (t) => {
  const disk = memory()
  disk.putLink('/root/link', '/nowhere')
  const before = disk.list()
  for (const durability of ['crash', 'power'] as const)
    for (const root of ['/root/link', '/root/link/sub', '/root/link/sub/deeper/']) {
      const opened = Tree.open(root, { fs: disk, create: true, durability })
      const error = await t.throwsAsync(opened, { code: 'ERR_WRITE' }, root)
      t.regex(error!.message, /^\/root\/link is a link that leads to nothing/)
    }
  t.deepEqual(disk.list(), before)
  t.deepEqual(disk.openHandles(), [])
})

test('the options are checked at once', async (t) => {
  await t.throwsAsync(Tree.open('/', { handles: 0 }), { code: 'ERR_USAGE' })
})

for (const platform of ['linux', 'darwin'] as const) {
  test(`what is not a path of plain names below the root is refused (${platform})`, async (t) => {
    const disk = memory(platform)
    const tree = await Tree.open('/root', { fs: disk })
    for (const path of ['..', 'a/..', '/a', 'a//b', 'a/', './a', 'a\0']) {
      await t.throwsAsync(tree.folder(path), { code: 'ERR_PATH' }, path)
      await t.throwsAsync(tree.makeFolder(path), { code: 'ERR_PATH' }, path)
    }
    const a = await tree.folder('a')
    for (const name of ['', '.', '..', 'a/b', '/', '\0'])
      t.throws(() => a.at(name), { code: 'ERR_PATH' }, name)
    a.release()
    await tree.close()
    t.deepEqual(disk.openHandles(), [])
  })

  test(`links, files and nothing on the way are told apart (${platform})`, async (t) => {
    const disk = memory(platform)
    disk.put('/root/file')
    disk.putLink('/root/link', '/outside')
    disk.putLink('/root/a/dangling', 'nowhere')
    const tree = await Tree.open('/root', { fs: disk })
    await t.throwsAsync(tree.folder('link'), { code: 'ERR_UNSAFE_LINK', message: /link/ })
    await t.throwsAsync(tree.folder('link/x'), { code: 'ERR_UNSAFE_LINK' })
    await t.throwsAsync(tree.makeFolder('link/x'), { code: 'ERR_UNSAFE_LINK' })
    await t.throwsAsync(tree.makeFolder('link'), { code: 'ERR_UNSAFE_LINK' })
    await t.throwsAsync(tree.makeFolder('a/dangling'), { code: 'ERR_UNSAFE_LINK' })
    t.is(causes(await t.throwsAsync(tree.folder('missing'), { code: 'ERR_WRITE' })), 'ENOENT')
    t.is(causes(await t.throwsAsync(tree.makeFolder('missing/x'), { code: 'ERR_WRITE' })), 'ENOENT')
    t.is(causes(await t.throwsAsync(tree.folder('file'), { code: 'ERR_WRITE' })), 'ENOTDIR')
    t.is(causes(await t.throwsAsync(tree.makeFolder('file/x'), { code: 'ERR_WRITE' })), 'ENOTDIR')
    t.is(causes(await t.throwsAsync(tree.makeFolder('file'), { code: 'ERR_WRITE' })), 'EEXIST')
    t.is(await tree.makeFolder(''), 'there')
    t.is(await tree.makeFolder('a/b'), 'there')
    t.is(await tree.makeFolder('a/b/c', 0o700), 'created')
    await tree.close()
    t.deepEqual(disk.openHandles(), [])
  })

  test(`a folder lists its names, and gives paths into itself (${platform})`, async (t) => {
    const disk = memory(platform)
    const tree = await Tree.open('/', { fs: disk })
    for (const [path, name] of [
      ['', 'x'],
      ['root/a', 'y'],
    ] as const) {
      const directory = await tree.folder(path)
      await disk.close(await disk.open(directory.at(name), OPEN.create))
      t.is(directory.path, path)
      t.true((await directory.list()).map(String).includes(name))
      directory.release()
      directory.release()
    }
    t.true(disk.snapshot().has('/x') && disk.snapshot().has('/root/a/y'))
    await tree.close()
  })
}

test('on Windows the separators of its paths are no names', async (t) => {
  const tree = await Tree.open('/root', { fs: memory('win32') })
  for (const path of ['a\\b', 'c:x', 'a/x:y']) await t.throwsAsync(tree.folder(path), { code: 'ERR_PATH' })
  await tree.close()
})

test('a folder swapped for a link between any two calls leads nowhere outside', async (t) => {
  for (let nth = 0; ; nth++) {
    const disk = memory()
    let swapped = false
    disk.hook = ({ number }) => {
      if (number !== nth) return
      swapped = true
      disk.move('/root/a', '/root/elsewhere')
      disk.putLink('/root/a', '/outside')
    }
    const tree = await Tree.open('/root', { fs: disk })
    try {
      await tree.makeFolder('a/b/c')
      const directory = await tree.folder('a/b/c')
      const fd = await disk.open(directory.at('n.part'), OPEN.create)
      await writeFully(disk, fd, [Buffer.from('x')], 0)
      await disk.close(fd)
      await publish(disk, directory, 'n.part', 'n', { conflict: 'rename', durability: 'power' })
      directory.release()
    } catch (error) {
      t.is(errorCode(error), 'ERR_UNSAFE_LINK')
    }
    await tree.close()
    t.deepEqual(
      disk.list().filter((path) => path.startsWith('/outside/')),
      ['/outside/'],
      `at call ${nth}`,
    )
    if (!swapped) break
  }
})

test('where there are only paths, a folder swapped for a link is found when it is asked for', async (t) => {
  const disk = memory('darwin')
  const tree = await Tree.open('/root', { fs: disk })
  const kept = await tree.folder('a/b')
  disk.move('/root/a', '/root/elsewhere')
  disk.putLink('/root/a', '/outside')
  await t.throwsAsync(tree.folder('a/b'), { code: 'ERR_UNSAFE_LINK' })
  disk.remove('/root/a')
  disk.putFolder('/root/a/b')
  const anew = await tree.folder('a/b')
  t.not(anew.fd, kept.fd)
  for (const directory of [kept, anew]) directory.release()
  // swapped between the look and the opening
  let looks = 0
  disk.hook = ({ call, path }) => {
    if (call === 'open' && path === '/root/c' && looks++ === 0) disk.move('/root/other', '/root/c')
  }
  disk.putFolder('/root/c')
  disk.putFolder('/root/other')
  await t.throwsAsync(tree.folder('c'), { code: 'ERR_UNSAFE_LINK' })
  await tree.close()
  t.deepEqual(disk.openHandles(), [])
})

test('a folder stays open while it is looked at, whoever enters and leaves others meanwhile', async (t) => {
  for (let seed = 1; seed <= scale(20, 2000); seed++) {
    const random = randomBySeed(seed)
    const platform = seed % 2 === 0 ? 'linux' : 'darwin'
    const disk = memory(platform)
    for (let i = 0; i < 6; i++) disk.putFolder(`/root/d${i}`)
    const pause = async () => {
      for (let n = Math.floor(random() * 4); n > 0; n--) await new Promise((done) => setImmediate(done))
    }
    disk.delay = pause
    let closedTwice = 0
    const close = async (fd: number) => {
      await pause()
      await disk.close(fd).catch(() => closedTwice++)
    }
    const fs: FileSystem = new Proxy<FileSystem>(disk, {
      get(target, name) {
        if (name === 'close') return close
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const tree = await Tree.open('/root', { fs, handles: 2 })
    const user = async () => {
      for (let n = 0; n < 12; n++) {
        const path = `d${Math.floor(random() * 6)}`
        if (random() < 0.2) tree.forget(path)
        const directory = await tree.folder(path)
        await t.notThrowsAsync(disk.fstat(directory.fd), `seed ${seed}`)
        directory.release()
      }
    }
    await Promise.all([user(), user(), user()])
    await tree.close()
    t.is(closedTwice, 0, `seed ${seed}`)
    t.deepEqual(disk.openHandles(), [])
  }
})

test('a bounded number of folders stays open, and those in use are never closed', async (t) => {
  const disk = memory()
  for (let i = 0; i < 20; i++) disk.putFolder(`/root/d${i}`)
  const tree = await Tree.open('/root', { fs: disk, handles: 3 })
  const used = await Promise.all([0, 1, 2, 3, 4].map((i) => tree.folder(`d${i}`)))
  for (let i = 0; i < 20; i++) (await tree.folder(`d${i}`)).release()
  t.true(disk.openHandles().length <= 1 + 5 + 1)
  for (const directory of used) await disk.fstat(directory.fd)
  for (const directory of used) directory.release()
  t.throws(() => used[0]!.fd, { code: 'ERR_STATE' })
  t.true(disk.openHandles().length <= 4, String(disk.openHandles()))
  const last = await tree.folder('a')
  await tree.close()
  t.deepEqual(disk.openHandles(), ['/root/a'])
  await t.throwsAsync(tree.folder('a'), { code: 'ERR_STATE' })
  last.release()
  await tree.close()
  t.deepEqual(disk.openHandles(), [])
})

test('who asks at the same time shares one handle', async (t) => {
  const disk = memory()
  const tree = await Tree.open('/root', { fs: disk })
  const both = await Promise.all([tree.folder('a/b'), tree.folder('a/b')])
  t.is(both[0].fd, both[1].fd)
  t.is(disk.openHandles().length, 3)
  for (const directory of both) directory.release()
  await tree.close()
})

test('when too many files are open, the folders kept for later are given up', async (t) => {
  for (const error of ['EMFILE', 'ENFILE']) {
    const disk = memory()
    const tree = await Tree.open('/root', { fs: disk })
    ;(await tree.folder('a/b')).release()
    disk.putFolder('/root/c')
    disk.fail({ call: 'open', error })
    const c = await tree.folder('c')
    t.deepEqual(disk.openHandles(), ['/root', '/root/c'])
    c.release()
    disk.fail({ call: 'open', error, once: false })
    await t.throwsAsync(tree.folder('a'), { code: 'ERR_WRITE', message: /too many files/ })
    await tree.close()
  }
})

test('a folder that was taken away and made again is opened anew', async (t) => {
  const disk = memory()
  const tree = await Tree.open('/root', { fs: disk })
  const held = await tree.folder('a/b')
  disk.remove('/root/a')
  t.is(await tree.makeFolder('a'), 'created')
  t.is(await tree.makeFolder('a/b'), 'created')
  const anew = await tree.folder('a/b')
  await disk.mkdir(anew.at('c'))
  t.true(disk.list().includes('/root/a/b/c/'))
  for (const directory of [held, anew]) directory.release()
  await tree.close()
  t.deepEqual(disk.openHandles(), [])
})

test('syncs that wait share one, which begins after all of them were asked for', async (t) => {
  const disk = memory()
  const tree = await Tree.open('/root', { fs: disk })
  const directory = await tree.folder('a')
  let syncs = 0
  const waiting: (() => void)[] = []
  disk.delay = ({ call }) => {
    if (call !== 'fsync') return
    syncs++
    return new Promise((resolve) => waiting.push(resolve))
  }
  const first = directory.sync()
  while (waiting.length === 0) await Promise.resolve()
  const later = [directory.sync(), directory.sync(), directory.sync()]
  waiting.shift()!()
  await first
  while (waiting.length === 0) await Promise.resolve()
  waiting.shift()!()
  await Promise.all(later)
  t.is(syncs, 2)
  disk.delay = undefined
  disk.fail({ call: 'fsync', error: 'EIO' })
  const outcomes = await Promise.allSettled([directory.sync(), directory.sync()])
  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  // what was given its name before may be lost, and a second sync would not say so
  await t.throwsAsync(directory.sync(), { code: 'EIO' })
  directory.release()
  await t.throwsAsync(directory.sync(), { code: 'ERR_STATE' })
  await tree.close()
  t.deepEqual(disk.openHandles(), [])
})

test('a file system that cannot sync a folder is no failure', async (t) => {
  for (const [platform, code, fine] of [
    ['linux', 'EINVAL', true],
    ['linux', 'EPERM', false],
    ['win32', 'EPERM', true],
  ] as const) {
    const disk = memory(platform)
    const tree = await Tree.open('/root', { fs: disk })
    const root = await tree.folder('')
    disk.fail({ call: 'fsync', error: code })
    const [{ status }] = await Promise.allSettled([root.sync()])
    t.is(status === 'fulfilled', fine, `${platform} ${code}`)
    root.release()
    await tree.close()
  }
})

test('every call on the way to a folder may fail: nothing stays open', async (t) => {
  for (const platform of ['linux', 'darwin'] as const) {
    for (let nth = 1; ; nth++) {
      const disk = memory(platform)
      disk.fail({ call: '*', nth, error: 'EIO' })
      let failed = false
      const tree = await Tree.open('/root', { fs: disk }).catch(() => undefined)
      try {
        if (!tree) throw new Error('not open')
        await tree.makeFolder('a/b/c')
        ;(await tree.folder('a/b/c')).release()
        ;(await tree.folder('a/b/c')).release()
      } catch {
        failed = true
      }
      await tree?.close()
      t.deepEqual(disk.openHandles(), [], `${platform} ${nth}`)
      // the close at the end is nobody's failure
      if (!failed && disk.calls < nth) break
    }
  }
})

// Between two swaps the folder is in its place for up to half a millisecond, so that some rounds find it there on any
// machine, and some lose it on their way.
const SWAPPER = `
  const fs = require('node:fs')
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  process.stdout.write('ready')
  for (;;) {
    Atomics.wait(sleeper, 0, 0, Math.random() / 2)
    fs.renameSync('d', 'aside')
    fs.symlinkSync('../../outside', 'd')
    fs.unlinkSync('d')
    fs.renameSync('aside', 'd')
  }`

async function race(
  fs: FileSystem,
  rounds: number,
): Promise<{ outside: string[]; done: number; refused: number }> {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-race-')))
  let swapper: ChildProcess | undefined
  let done = 0
  let refused = 0
  try {
    mkdirSync(join(top, 'root/a/d'), { recursive: true })
    mkdirSync(join(top, 'outside'))
    swapper = spawn(process.execPath, ['-e', SWAPPER], {
      cwd: join(top, 'root/a'),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await once(swapper.stdout!, 'data')
    for (let round = 0; round < rounds; round++) {
      const tree = await Tree.open(join(top, 'root'), { fs })
      try {
        const directory = await tree.folder('a/d')
        const part = `n${round % 50}.part`
        try {
          const fd = await fs.open(directory.at(part), OPEN.create)
          await fs.close(fd)
          await publish(fs, directory, part, `n${round % 50}`, { conflict: 'overwrite', durability: 'crash' })
          done++
        } finally {
          directory.release()
        }
      } catch {
        refused++
      } finally {
        await tree.close()
      }
    }
    return { outside: readdirSync(join(top, 'outside')), done, refused }
  } finally {
    if (swapper && swapper.exitCode === null) {
      swapper.kill('SIGKILL')
      await once(swapper, 'exit')
    }
    rmSync(top, { recursive: true })
  }
}

test('another process that swaps a folder for a link all the time gets nothing outside', async (t) => {
  if (makeFileSystem().at(0, 'x') === null) return t.pass('only where a path can begin at a handle')
  const { outside, done, refused } = await race(blockingFileSystem, scale(1500, 100_000))
  t.deepEqual(outside, [])
  t.true(done > 0, `${done} done, ${refused} refused`)
})

test('the real disk gives the same answers', async (t) => {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-tree-')))
  try {
    for (const platform of [process.platform, 'darwin'] as const) {
      const root = join(top, platform, 'x')
      const tree = await Tree.open(root, { fs: makeFileSystem({ platform }), create: true })
      t.is(await tree.makeFolder('a'), 'created')
      t.is(await tree.makeFolder('a'), 'there')
      writeFileSync(join(root, 'file'), '')
      symlinkSync(top, join(root, 'link'))
      await t.throwsAsync(tree.folder('link'), { code: 'ERR_UNSAFE_LINK' })
      t.is(causes(await t.throwsAsync(tree.folder('file'))), 'ENOTDIR')
      const a = await tree.folder('a')
      await tree.fs.mkdir(a.at('b'))
      await a.sync()
      t.deepEqual((await a.list()).map(String), ['b'])
      a.release()
      await tree.close()
    }
  } finally {
    rmSync(top, { recursive: true })
  }
})
