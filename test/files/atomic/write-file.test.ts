import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough, Readable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import type { SluiceError } from '../../../lib/errors.js'
import {
  type FileSystem,
  nodeFileSystem,
  Tree,
  type WriteData,
  type WriteFileOptions,
  writeConfig,
  writeFileAtomic,
  writeJson,
  writeYaml,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { systemError } from '../../../lib/testing/disk/memory-inode.js'
import { randomContent } from '../../../lib/testing/splits.js'
import { temporary } from '../../helpers/folders.js'

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest()
const files = (disk: MemoryDisk) =>
  Object.fromEntries([...disk.snapshot()].map(([path, b]) => [path, `${b}`]))

function setup(standing = 'old') {
  const disk = new MemoryDisk()
  disk.put('/d/file', standing)
  const write = (data: WriteData, options: WriteFileOptions = {}) =>
    writeFileAtomic('/d/file', data, { fs: disk, ...options })
  return { disk, write }
}

test('text, bytes of any kind, streams and iterables are written', async (t) => {
  const { disk, write } = setup()
  const numbers = new Uint16Array([0x6161, 0x6262, 0x6363])
  async function* pieces() {
    yield 'aa'
    yield Buffer.from('bb')
  }
  const data: [WriteData, string][] = [
    ['päth', 'päth'],
    [Buffer.from('bytes'), 'bytes'],
    [numbers, 'aabbcc'],
    [numbers.subarray(1, 2), 'bb'],
    [Uint8Array.from([65, 66]).buffer, 'AB'],
    [Readable.from([Buffer.from('a'), Buffer.from('stream')]), 'astream'],
    [pieces(), 'aabb'],
    [['a', Buffer.from('b')], 'ab'],
    ['', ''],
    [Buffer.alloc(0), ''],
    [[], ''],
  ]
  for (const [given, expected] of data) {
    const { path, bytes, digest } = await write(given)
    t.deepEqual(files(disk), { '/d/file': expected })
    t.deepEqual([path, bytes, digest], ['/d/file', Buffer.byteLength(expected), sha256(expected)])
  }
  t.deepEqual(disk.openHandles(), [])
})

test('large content comes whole through a disk that takes it in small parts', async (t) => {
  const { disk, write } = setup()
  const content = randomContent(9_000_001)
  for (const short of [1_000_003, 4_194_303]) {
    disk.fail({ call: 'write', short, once: false })
    const seen: number[] = []
    await write(content, { verify: true, progress: (bytes) => seen.push(bytes) })
    t.true(disk.snapshot().get('/d/file')!.equals(content))
    t.is(seen.at(-1), content.length)
    t.true(seen.length > 2)
    disk.heal()
  }
})

test('KNOWN-FAILURES 36: text is written in its encoding, and what that cannot hold is refused', async (t) => {
  const { disk, write } = setup()
  await write('ä', { encoding: 'latin1' })
  t.deepEqual(disk.snapshot().get('/d/file'), Buffer.from([0xe4]))
  await write('ä😀', { encoding: 'utf16le' })
  t.deepEqual(disk.snapshot().get('/d/file'), Buffer.from('ä😀', 'utf16le'))
  await write(['a\ud83d', '\ude00b'])
  t.is(files(disk)['/d/file'], 'a😀b')
  for (const [text, encoding] of [
    ['€', 'latin1'],
    ['a\ud83d', 'utf8'],
    ['\ude00', 'utf16le'],
  ] as const) {
    for (const data of [text, [text], Readable.from([text])]) {
      await t.throwsAsync(write(data, { encoding }), { code: 'ERR_USAGE', message: /cannot hold U\+/ })
    }
  }
  // bytes between the halves of a character
  await t.throwsAsync(write(['a\ud83d', Buffer.from('x'), '\ude00']), { code: 'ERR_USAGE' })
  t.deepEqual(files(disk), { '/d/file': 'a😀b' })
  t.deepEqual(disk.openHandles(), [])
})

test('what is wrong in the options is said before anything is done', async (t) => {
  const disk = new MemoryDisk()
  const wrong: [string, unknown][] = [
    ['mode', 0o1777],
    ['mode', '644'],
    ['durability', 'always'],
    ['backup', -1],
    ['backup', 1.5],
    ['symlink', 'keep'],
    ['conflict', 'skip'],
    ['owner', 'root'],
    ['tempDir', ''],
    ['verify', 'yes'],
    ['digest', 1],
    ['progress', true],
    ['signal', {}],
    ['makeParents', 'yes'],
    ['encoding', 'utf7'],
  ]
  for (const [name, value] of wrong) {
    const options = { fs: disk, [name]: value } as WriteFileOptions
    const message = new RegExp(`^${name} must`)
    await t.throwsAsync(writeFileAtomic('/file', '', options), { code: 'ERR_USAGE', message })
  }
  for (const path of ['', 'a\0b', '/folder/']) {
    await t.throwsAsync(writeFileAtomic(path, '', { fs: disk }), { code: 'ERR_USAGE', message: /^path must/ })
  }
  const read = Readable.from(['x'])
  for await (const _ of read);
  for (const data of [null, undefined, 7, {}, [7], [null], read] as WriteData[]) {
    await t.throwsAsync(writeFileAtomic('/file', data, { fs: disk }), { code: 'ERR_USAGE', message: /data/ })
  }
  t.deepEqual(disk.list(), [])
})

test('a folder that is missing is an error, or made; its name lasts as the file does', async (t) => {
  const disk = new MemoryDisk({ crashes: true })
  const write = (makeParents: boolean) => writeFileAtomic('/a/b/file', 'new', { fs: disk, makeParents })
  await t.throwsAsync(write(false), { code: 'ERR_WRITE', message: /\/a\/b does not exist.*make it first/ })
  await t.throwsAsync(writeFileAtomic('/file', '', { fs: disk, tempDir: '/t' }), {
    message: /\/t does not exist.*tempDir/,
  })
  await write(true)
  for (let seed = 0; seed < 50; seed++) t.deepEqual(files(disk.crash(seed)), { '/a/b/file': 'new' })
})

test('what is no file is not replaced', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/folder')
  disk.putPipe('/pipe')
  disk.putLink('/link', '/folder')
  disk.put('/file', 'x')
  const before = disk.list()
  for (const path of ['/folder', '/link', '/pipe', '/folder/.', '/file/inside']) {
    await t.throwsAsync(writeFileAtomic(path, 'new', { fs: disk }), { code: 'ERR_WRITE' }, path)
  }
  t.deepEqual(disk.list(), before)
})

test('KNOWN-FAILURES 36: a link is followed to its file, along other links, and to what is not there yet', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/real/file', 'old', 0o640)
  disk.putLink('/a/link', 'second')
  disk.putLink('/a/second', '../real/file')
  disk.putLink('/a/dangling', '/real/none')
  disk.putLink('/a/folder', '/real/none/')
  disk.putLink('/a/round', 'about')
  disk.putLink('/a/about', 'round')
  const links = disk.list().filter((path) => path.includes('->'))
  t.is((await writeFileAtomic('/a/link', 'new', { fs: disk })).path, '/a/../real/file')
  t.is((await disk.stat('/real/file')).mode & 0o777, 0o640)
  await writeFileAtomic('/a/dangling', 'made', { fs: disk })
  t.deepEqual(files(disk), { '/real/file': 'new', '/real/none': 'made' })
  await t.throwsAsync(writeFileAtomic('/a/round', '', { fs: disk }), { code: 'ERR_UNSAFE_LINK' })
  disk.remove('/real/none')
  await t.throwsAsync(writeFileAtomic('/a/folder', '', { fs: disk }), { code: 'ERR_WRITE' })
  t.deepEqual(
    disk.list().filter((path) => path.includes('->')),
    links,
  )
})

test('a link is replaced if that is asked for, and what it led to stays', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/real/file', 'mine', 0o600)
  disk.putLink('/d/link', '/real/file')
  disk.putLink('/d/round', 'round')
  for (const path of ['/d/link', '/d/round']) {
    await writeFileAtomic(path, 'new', { fs: disk, symlink: 'replace', backup: true })
    t.is((await disk.lstat(path)).mode, 0o100644)
  }
  t.is(files(disk)['/real/file'], 'mine')
  t.true(disk.list().some((path) => /^\/d\/link\.[^ ]+\.bak -> \/real\/file$/.test(path)))
})

test('a link on the way to the folder is the caller’s choice', async (t) => {
  for (const platform of ['linux', 'darwin'] as const) {
    const disk = new MemoryDisk({ platform })
    disk.put('/d/file', 'old')
    disk.putLink('/link', '/d')
    await writeFileAtomic('/link/file', 'new', { fs: disk, symlink: 'replace' })
    t.deepEqual(files(disk), { '/d/file': 'new' })
  }
})

test('a disk that is full says so, and keeps the old content', async (t) => {
  const disk = new MemoryDisk({ capacity: 8 })
  disk.put('/file', 'old')
  await t.throwsAsync(writeFileAtomic('/file', 'too long', { fs: disk }), { code: 'ERR_DISK_FULL' })
  t.deepEqual(files(disk), { '/file': 'old' })
})

test('a taken name gets a suffix, or is an error, and a link is taken too', async (t) => {
  const { disk, write } = setup()
  const { path } = await write('new', { conflict: 'rename' })
  t.is(path, '/d/file_1')
  await t.throwsAsync(write('newer', { conflict: 'fail' }), { code: 'ERR_CONFLICT' })
  disk.putLink('/d/dangling', 'none')
  await t.throwsAsync(writeFileAtomic('/d/dangling', '', { fs: disk, conflict: 'fail' }), {
    code: 'ERR_CONFLICT',
  })
  const made = await writeFileAtomic('/d/free', 'x', { fs: disk, conflict: 'fail', backup: 3 })
  t.is(made.path, '/d/free')
  t.is(made.backup, undefined)
  t.deepEqual(files(disk), { '/d/file': 'old', '/d/file_1': 'new', '/d/free': 'x' })
})

test('of two that write one file at once both are whole, and one of them stays', async (t) => {
  const { disk, write } = setup()
  const contents = Array.from({ length: 20 }, (_, i) => `${i}`.repeat(1000 + i))
  const written = await Promise.all(contents.map((content) => write(content)))
  const found = files(disk)
  t.deepEqual(Object.keys(found), ['/d/file'])
  t.true(contents.includes(found['/d/file']!))
  t.deepEqual(
    written.map(({ digest }) => digest),
    contents.map(sha256),
  )
})

test('a source that fails gives its own error, and the file is what it was', async (t) => {
  const { disk, write } = setup()
  const broken = new Error('broken')
  async function* failing() {
    yield 'half'
    throw broken
  }
  t.is(await t.throwsAsync(write(failing())), broken)
  const stream = new PassThrough()
  stream.write('half')
  const writing = write(stream)
  stream.destroy(broken)
  t.is(await t.throwsAsync(writing), broken)
  t.deepEqual(files(disk), { '/d/file': 'old' })
  t.deepEqual(disk.openHandles(), [])
})

test('a stream that fails before it is read gives its error too, and one that is not read is destroyed', async (t) => {
  const folder = await temporary(t)
  const missing = createReadStream(join(folder, 'missing'))
  await t.throwsAsync(writeFileAtomic(join(folder, 'file'), missing), { code: 'ENOENT' })
  const unread = createReadStream(folder)
  await t.throwsAsync(writeFileAtomic(join(folder, 'none', 'file'), unread), { code: 'ERR_WRITE' })
  t.true(unread.destroyed)
  t.deepEqual(await readdir(folder), [])
})

test('what a process says is written also where the process has ended before the first byte is read', async (t) => {
  const folder = await temporary(t)
  const child = spawn(process.execPath, ['-e', 'console.log("said")'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const slow: FileSystem = {
    ...nodeFileSystem,
    open: async (...given) => {
      await ended
      return nodeFileSystem.open(...given)
    },
  }
  await writeFileAtomic(join(folder, 'file'), child.stdout, { fs: slow })
  t.is(await readFile(join(folder, 'file'), 'utf8'), 'said\n')
})

test('lines of node:readline are written, and their lack of a destroy hides no error', async (t) => {
  const folder = await temporary(t)
  const lines = () => createInterface({ input: Readable.from(['a\nb\n']) })
  await writeFileAtomic(join(folder, 'file'), lines())
  t.is(await readFile(join(folder, 'file'), 'utf8'), 'ab')
  await t.throwsAsync(writeFileAtomic(join(folder, 'none', 'file'), lines()), { code: 'ERR_WRITE' })
})

test('a signal ends it before, during and while it waits for its source', async (t) => {
  const { disk, write } = setup()
  const reason = new Error('enough')
  await t.throwsAsync(write('new', { signal: AbortSignal.abort(reason) }), { code: 'ERR_CANCELLED' })
  for (const call of ['open', 'write', 'fsync', 'close'] as const) {
    const stop = new AbortController()
    disk.hook = (event) => void (event.call === call && stop.abort(reason))
    const error = await t.throwsAsync(write('new', { signal: stop.signal }), { code: 'ERR_CANCELLED' })
    t.is(error?.cause, reason)
    disk.hook = undefined
    t.deepEqual(files(disk), { '/d/file': 'old' }, call)
  }
  const stop = new AbortController()
  const stream = new PassThrough()
  const writing = write(stream, { signal: stop.signal })
  stream.write(Buffer.alloc(100_000))
  disk.hook = ({ call }) => void (call === 'write' && setImmediate(() => stop.abort(reason)))
  await t.throwsAsync(writing, { code: 'ERR_CANCELLED' })
  t.true(stream.destroyed)
  disk.hook = undefined
  const done = new AbortController()
  await write(Readable.from(['a', 'b']), { signal: done.signal })
  done.abort()
  t.deepEqual(files(disk), { '/d/file': 'ab' })
  t.deepEqual(disk.openHandles(), [])
})

test('a signal remembers nothing of the pieces that have gone by', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap = () => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const count = 50_000
  const piece = Buffer.from('x')
  let before = 0
  let after = 0
  function* pieces() {
    for (let i = 0; i < count; i++) {
      if (i === 1000) before = heap()
      yield piece
    }
    after = heap()
  }
  // takes bytes and keeps none
  const fs = {
    ...nodeFileSystem,
    write: async (_fd: number, [first]: readonly Uint8Array[]) => first!.length,
    fstat: async (fd: number) => Object.assign(await nodeFileSystem.fstat(fd), { size: count }),
    lstat: async (path: string) => Object.assign(await nodeFileSystem.lstat(path), { size: count }),
  }
  const { signal } = new AbortController()
  const { bytes } = await writeFileAtomic(join(await temporary(t), 'file'), pieces(), { fs, signal })
  t.is(bytes, count)
  t.true(after - before < 5e6, `${after - before} bytes`)
})

test('what a progress callback throws ends it, and is the cause, also where it looks like an error of the disk', async (t) => {
  const full = Object.assign(new Error('the log is full'), { code: 'ENOSPC' })
  for (const thrown of [new Error('no more'), full, undefined]) {
    const { disk, write } = setup()
    const progress = () => {
      throw thrown
    }
    const error = await t.throwsAsync<SluiceError>(write('new', { progress }), { code: 'ERR_DESTROYED' })
    t.is(error!.message, `progress failed: ${thrown?.message}`)
    t.is(error!.cause, thrown)
    t.deepEqual(files(disk), { '/d/file': 'old' })
  }
})

test('KNOWN-FAILURES 42: the file is compared with what was given, not with itself', async (t) => {
  // a disk that says it took what it did not
  class Changing extends MemoryDisk {
    override write(fd: number, [first]: readonly Uint8Array[], position: number): Promise<number> {
      return super.write(fd, [Buffer.from(first!).fill('x', 1, 2)], position)
    }
  }
  const disk = new Changing()
  disk.put('/d/file', 'old')
  await t.throwsAsync(writeFileAtomic('/d/file', 'new', { fs: disk, verify: true }), { code: 'ERR_DIGEST' })
  t.deepEqual(files(disk), { '/d/file': 'old' })
  await t.throwsAsync(writeFileAtomic('/d/file', 'new', { fs: disk, verify: true, digest: false }), {
    code: 'ERR_DIGEST',
  })
  await writeFileAtomic('/d/file', 'new', { fs: disk })
  t.is(files(disk)['/d/file'], 'nxw')
})

test('a digest that nobody needs is not made, but what is read back is compared all the same', async (t) => {
  const { disk, write } = setup()
  const content = randomContent(3_000_000)
  for (const verify of [false, true]) {
    const { bytes, digest } = await write(content, { digest: false, verify })
    t.is(bytes, content.length)
    t.deepEqual(digest, verify ? sha256(content) : Buffer.alloc(0))
    t.true(disk.snapshot().get('/d/file')!.equals(content))
  }
})

test('what was copied from another file system is read back too before it gets its name', async (t) => {
  class Apart extends MemoryDisk {
    corrupt = false
    override rename(from: string, to: string): Promise<void> {
      if (from.startsWith('/t/') !== to.startsWith('/t/'))
        return Promise.reject(systemError('EXDEV', 'rename'))
      return super.rename(from, to)
    }
    // only what is copied: the temporary file itself is right
    override write(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
      const isCopy = this.corrupt && this.list().filter((path) => path.endsWith('.sluice-tmp')).length === 2
      return super.write(fd, isCopy ? [Buffer.from(buffers[0]!).fill('x', 1, 2)] : buffers, position)
    }
  }
  const disk = new Apart()
  disk.put('/d/file', 'old')
  disk.putFolder('/t')
  const write = (verify: boolean) =>
    writeFileAtomic('/d/file', 'new', { fs: disk, tempDir: '/t', verify, backup: true })
  await write(true)
  disk.corrupt = true
  await t.throwsAsync(write(true), { code: 'ERR_DIGEST' })
  t.is(files(disk)['/d/file'], 'new')
  t.is(disk.list().filter((path) => path.endsWith('.sluice-tmp')).length, 0)
  await write(false)
  t.is(files(disk)['/d/file'], 'nxw')
  t.deepEqual(disk.openHandles(), [])
})

test('values are written as JSON and as YAML, checked by one schema before anything is written', async (t) => {
  const disk = new MemoryDisk()
  const schema = { type: 'object', properties: { port: { type: 'integer' } }, required: ['port'] }
  const value = { port: 80, name: 'yes', none: undefined }
  await writeJson('/a.json', value, { fs: disk, schema })
  await writeYaml('/a.yaml', value, { fs: disk, schema, indent: 4 })
  await writeConfig('/b.json', value, { fs: disk, schema, indent: 0 })
  await writeConfig('/b.YML', value, { fs: disk, schema })
  const expected = {
    '/a.json': '{\n  "port": 80,\n  "name": "yes"\n}\n',
    '/a.yaml': 'port: 80\nname: "yes"\n',
    '/b.json': '{"port":80,"name":"yes"}\n',
    '/b.YML': 'port: 80\nname: "yes"\n',
  }
  t.deepEqual(files(disk), expected)
  for (const path of Object.keys(expected)) {
    const options = { fs: disk, schema }
    await t.throwsAsync(writeConfig(path, { port: 'x' }, options), { code: 'ERR_SCHEMA' })
    await t.throwsAsync(writeConfig(path, { port: 1n }, options), { code: 'ERR_USAGE' })
    await t.throwsAsync(writeFileAtomic(path, '{"port": true}', options), { code: 'ERR_SCHEMA' })
    await t.throwsAsync(writeFileAtomic(path, '{"port": ', options), { code: 'ERR_PARSE' })
    await t.throwsAsync(writeFileAtomic(path, ['{}'], options), { code: 'ERR_USAGE' })
  }
  await writeFileAtomic('/a.json', Buffer.from('{"port": 8}'), { fs: disk, schema })
  t.deepEqual(files(disk), { ...expected, '/a.json': '{"port": 8}' })
  for (const write of [writeConfig('/x', {}), writeFileAtomic('/x', '{}', { schema })]) {
    await t.throwsAsync(write, { code: 'ERR_USAGE', message: /\.json, \.yaml or \.yml/ })
  }
})

test('what is written is what was checked, whatever the caller does with it meanwhile', async (t) => {
  const disk = new MemoryDisk()
  const value = { port: 80 }
  const writing = writeJson('/a.json', value, { fs: disk, schema: { required: ['port'] }, indent: 0 })
  Object.assign(value, { port: 'changed' })
  await writing
  t.is(files(disk)['/a.json'], '{"port":80}\n')
})

test('on the real disk it is the same', async (t) => {
  const folder = await temporary(t)
  const path = join(folder, 'file')
  await writeFileAtomic(path, 'one')
  await symlink('file', join(folder, 'link'))
  const { digest, backup } = await writeFileAtomic(join(folder, 'link'), Readable.from(['two']), {
    backup: true,
    verify: true,
    mode: 0o640,
  })
  t.deepEqual(digest, sha256('two'))
  t.is(await readFile(path, 'utf8'), 'two')
  t.is(await readFile(backup!, 'utf8'), 'one')
  t.is((await readdir(folder)).length, 3)
  if (process.platform !== 'win32') t.is((await lstat(path)).mode & 0o777, 0o640)
  const { path: second } = await writeFileAtomic(path, 'three', { conflict: 'rename', durability: 'crash' })
  t.is(await readFile(second, 'utf8'), 'three')
  await t.throwsAsync(writeFileAtomic(join(path, 'below'), ''), { code: 'ERR_WRITE' })
  const tree = await Tree.open(folder)
  const open = await tree.folder('')
  await writeFileAtomic(open.at('file'), 'through a handle')
  t.is(await readFile(path, 'utf8'), 'through a handle')
  open.release()
  await tree.close()
})
