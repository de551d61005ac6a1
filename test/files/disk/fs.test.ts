import { mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import {
  blockingFileSystem,
  commandFileSystem,
  errorCode,
  type FileSystem,
  makeFileSystem,
  nodeFileSystem,
  OPEN,
  sameInode,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-fs-')))
  try {
    await act(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

for (const [name, { sync }] of Object.entries({ nodeFileSystem, blockingFileSystem, commandFileSystem })) {
  test(`${name} makes its calls at once, too`, async (t) => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a')
      const fd = sync!.open(path, OPEN.create, 0o640)
      t.is(sync!.write(fd, [Buffer.from('he'), Buffer.from('llo')], 0), 5)
      t.is(sync!.write(fd, [Buffer.from('!')], 5), 1)
      const buffer = Buffer.alloc(8)
      t.is(sync!.read(fd, buffer, 1, 7, 1), 5)
      t.is(buffer.toString('latin1'), '\0ello!\0\0')
      sync!.fchmod(fd, 0o600)
      sync!.futimes(fd, -10, -20)
      const { size, mtimeMs, mode } = sync!.fstat(fd)
      t.deepEqual([size, mtimeMs, mode & 0o777], [6, -20_000, process.platform === 'win32' ? 0o666 : 0o600])
      sync!.fsync(fd)
      sync!.close(fd)
      sync!.mkdir(join(folder, 'd'), 0o700)
      sync!.link(path, join(folder, 'd/e'))
      t.is(sync!.lstat(path).nlink, 2)
      sync!.rename(path, join(folder, 'b'))
      sync!.unlink(join(folder, 'b'))
      t.throws(() => sync!.lstat(path), { code: 'ENOENT' })
      t.is(await codeOf(nodeFileSystem.lstat(join(folder, 'd/e'))), 'done')
    })
  })
}

test('a file system that is derived from one of Node, to replace a call, has no calls that go past it', (t) => {
  t.is({ ...nodeFileSystem }.sync, undefined)
  t.is((Object.create(nodeFileSystem) as FileSystem).sync, undefined)
})

const codeOf = (promise: Promise<unknown>) => promise.then(() => 'done', errorCode)

for (const [name, fs] of Object.entries({ nodeFileSystem, blockingFileSystem, commandFileSystem })) {
  test(`${name} does every call`, async (t) => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a')
      const fd = await fs.open(path, OPEN.create, 0o640)
      t.is(await fs.write(fd, [Buffer.from('he'), Buffer.from('llo')], 0), 5)
      t.is(await fs.write(fd, [Buffer.from('!')], 5), 1)
      t.is(await fs.write(fd, [], 5), 0)
      const buffer = Buffer.alloc(8)
      t.is(await fs.read(fd, buffer, 1, 7, 1), 5)
      t.is(buffer.toString('latin1'), '\0ello!\0\0')
      await fs.ftruncate(fd, 2)
      await fs.fchmod(fd, 0o600)
      await fs.futimes(fd, 10, 20)
      const { size, mtimeMs, mode, uid, gid } = await fs.fstat(fd)
      await fs.fchown(fd, uid, gid)
      t.deepEqual([size, mtimeMs, mode & 0o777], [2, 20_000, process.platform === 'win32' ? 0o666 : 0o600])
      await fs.fsync(fd)
      await fs.close(fd)
      await fs.link(path, join(folder, 'b'))
      await fs.symlink('a', join(folder, 'c'))
      t.is(await fs.readlink(join(folder, 'c')), 'a')
      t.is(await fs.realpath(join(folder, 'c')), path)
      t.is((await fs.stat(join(folder, 'c'))).nlink, 2)
      t.true((await fs.lstat(join(folder, 'c'))).isSymbolicLink())
      await fs.mkdir(join(folder, 'd'), 0o700)
      await fs.rename(path, join(folder, 'd/e'))
      t.deepEqual((await fs.readdir(folder)).map(String).sort(), ['b', 'c', 'd'])
      await fs.unlink(join(folder, 'd/e'))
      await fs.rmdir(join(folder, 'd'))
      t.true((await fs.free(folder)) > 0)
    })
  })

  test(`${name} writes what is long, in one buffer and in several`, async (t) => {
    await inFolder(async (folder) => {
      const fd = await fs.open(join(folder, 'a'), OPEN.create, 0o600)
      const [one, two] = [Buffer.alloc(100_000, 1), Buffer.alloc(60_000, 2)]
      t.is(await fs.write(fd, [one], 5), 100_000)
      t.is(await fs.write(fd, [two, one], 100_005), 160_000)
      const found = Buffer.alloc(260_005)
      t.is(await fs.read(fd, found, 0, found.length, 0), found.length)
      t.true(found.equals(Buffer.concat([Buffer.alloc(5), one, two, one])))
      await fs.close(fd)
      t.is(await codeOf(fs.write(fd, [one], 0)), 'EBADF')
    })
  })

  test(`${name} appends at the end that the file has then`, async (t) => {
    await inFolder(async (folder) => {
      const file = join(folder, 'log')
      const [one, two] = [await fs.open(file, OPEN.append, 0o600), await fs.open(file, OPEN.append, 0o600)]
      t.is(await fs.write(one, [Buffer.from('a')], null), 1)
      t.is(await fs.write(two, [Buffer.from('b'), Buffer.from('c')], null), 2)
      t.is(await fs.write(one, [Buffer.from('d')], null), 1)
      const buffer = Buffer.alloc(9)
      t.is(await fs.read(two, buffer, 0, 9, 0), 4)
      t.is(buffer.toString('latin1', 0, 4), 'abcd')
      await fs.close(one)
      await fs.close(two)
    })
  })

  test(`${name} rejects with the code of the system`, async (t) => {
    await inFolder(async (folder) => {
      const none = join(folder, 'none')
      t.is(await codeOf(fs.open(none, OPEN.read)), 'ENOENT')
      t.is(await codeOf(fs.mkdir(folder)), 'EEXIST')
      t.is(await codeOf(fs.close(2 ** 20)), 'EBADF')
      t.is(await codeOf(fs.read(2 ** 20, Buffer.alloc(1), 0, 1, 0)), 'EBADF')
      t.is(await codeOf(fs.write(2 ** 20, [Buffer.alloc(1)], 0)), 'EBADF')
      t.is(await codeOf(fs.write(2 ** 20, [Buffer.alloc(1), Buffer.alloc(1)], 0)), 'EBADF')
      t.is(await codeOf(fs.free(none)), 'ENOENT')
    })
  })
}

test('a path begins at a handle on Linux only', (t) => {
  t.is(makeFileSystem({ platform: 'darwin' }).at(3, 'x'), null)
  t.is(makeFileSystem({ platform: 'win32', blocking: true }).at(3, 'x'), null)
  const there = makeFileSystem({ platform: 'linux' }).at(3, 'x')
  t.is(there, process.platform === 'linux' ? '/proc/self/fd/3/x' : null)
})

test('no link is followed to a file, whatever it is opened for', async (t) => {
  await inFolder(async (folder) => {
    for (const fs of [nodeFileSystem, new MemoryDisk()]) {
      if (fs instanceof MemoryDisk) {
        fs.putFolder(folder)
        fs.put(join(folder, 'file'), 'content')
      } else writeFileSync(join(folder, 'file'), 'content')
      await fs.symlink('file', join(folder, 'link'))
      for (const flags of [OPEN.read, OPEN.update, OPEN.append])
        t.is(await codeOf(fs.open(join(folder, 'link'), flags)), 'ELOOP')
    }
  })
})

test('the flags that create never take what is there', async (t) => {
  await inFolder(async (folder) => {
    for (const fs of [nodeFileSystem, new MemoryDisk()]) {
      if (fs instanceof MemoryDisk) fs.putFolder(folder)
      await fs.symlink('nowhere', join(folder, 'link'))
      t.is(await codeOf(fs.open(join(folder, 'link'), OPEN.create)), 'EEXIST')
      t.is(await codeOf(fs.open(join(folder, 'link'), OPEN.folder)), 'ENOTDIR')
    }
  })
})

test('device and inode are whole numbers of 64 bits, in the disk of memory with neighbours that a number would round to one', async (t) => {
  await inFolder(async (folder) => {
    const path = join(folder, 'a')
    writeFileSync(path, 'a')
    const { dev, ino } = statSync(path, { bigint: true })
    for (const fs of [nodeFileSystem, blockingFileSystem]) {
      const fd = await fs.open(path, OPEN.read)
      for (const found of [await fs.stat(path), await fs.lstat(path), await fs.fstat(fd)]) {
        t.deepEqual([found.dev, found.ino], [BigInt.asUintN(64, dev), BigInt.asUintN(64, ino)])
        t.is(found.mtimeMs, statSync(path).mtimeMs)
      }
      await fs.close(fd)
    }
  })
  const disk = new MemoryDisk()
  disk.put('/a', '')
  disk.put('/b', '')
  const [a, b] = [await disk.lstat('/a'), await disk.lstat('/b')]
  t.is(Number(a.ino), Number(b.ino))
  t.false(sameInode(a, b))
})

test('calls made at once, awaited one after the other, let the event loop turn, also when they fail', async (t) => {
  for (const path of ['/', '/there is no such file'])
    for (const fs of [blockingFileSystem, commandFileSystem]) {
      let turned = 0
      const turn = () => {
        turned++
        immediate = setImmediate(turn)
      }
      let immediate = setImmediate(turn)
      // far more than it takes: without turns it ends by the number of calls
      for (let calls = 0; calls < 1_000_000 && turned < 2; calls++) await fs.lstat(path).catch(() => {})
      clearImmediate(immediate)
      t.true(turned >= 2)
    }
})
