import { execFile } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import test from 'ava'
import fc from 'fast-check'
import type { FileSystem } from '../../../lib/files/disk/fs.js'
import { nodeFileSystem } from '../../../lib/files/disk/node-fs.js'
import { isSluiceError, manifestFrom, manifestOf } from '../../../lib/index.js'
import { namedOf } from '../../../lib/stages/manifest/arguments.js'
import type { SourceStore } from '../../../lib/stores/sources.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import type { Entry, Offer } from '../../../lib/wire/entry.js'
import { DEFAULT_LIMITS } from '../../../lib/wire/limits.js'
import { checkPath } from '../../../lib/wire/paths.js'
import { plant, temporary } from '../../helpers/folders.js'
import { allClosed, disk, pathsOf, refused } from '../../helpers/listed.js'
import { scale } from '../../helpers/scale.js'

test('a folder becomes its name and all that is in it, in byte order, parents first', async (t) => {
  const fs = disk({
    '/home/photos/b.jpg': 'bb',
    '/home/photos/a/2.jpg': '2',
    '/home/photos/a/1.jpg': '1',
    '/home/photos/a.txt': 'text',
    '/home/photos/B': '',
    '/home/photos/é': 'e',
    '/home/photos/empty': null,
    '/home/other': 'not asked for',
  })
  t.deepEqual(await pathsOf(fs, ['/home/photos']), [
    'photos/',
    'photos/B',
    'photos/a/',
    'photos/a/1.jpg',
    'photos/a/2.jpg',
    'photos/a.txt',
    'photos/b.jpg',
    'photos/empty/',
    'photos/é',
  ])
})

/** The entries, each with its type, or why it is unreadable. */
const shown = ({ entries }: Offer) => entries.map(({ type, path, code }) => `${code ?? type} ${path}`)

async function contentOf(store: SourceStore, entry: Entry): Promise<string> {
  const source = await store.open!(entry, new AbortController().signal)
  const buffer = Buffer.alloc(entry.size!)
  await source.read(0, buffer)
  await source.verify()
  await source.close()
  return buffer.toString()
}

test('the offer says type, size, whole milliseconds, permission bits, and where each file begins', async (t) => {
  const fs = disk({}, { now: () => 1_600_000_000_123.75 })
  fs.put('/d/a', 'aaa', 0o4755)
  fs.put('/d/b', 'bb', 0o600)
  const { offer, store, skipped } = await manifestOf(['/d'], { fs })
  const mtime = 1_600_000_000_123
  t.deepEqual(offer.entries, [
    { index: 0, type: 'directory', path: 'd', size: 0, start: 0, mtime, mode: 0o755 },
    { index: 1, type: 'file', path: 'd/a', size: 3, start: 0, mtime, mode: 0o755 },
    { index: 2, type: 'file', path: 'd/b', size: 2, start: 3, mtime, mode: 0o600 },
  ])
  t.like(offer, { name: 'd', algorithm: 'sha256', first: 0, position: 0, bytes: 5 })
  t.regex(offer.id, /^[0-9a-f]{32}$/)
  t.is(await contentOf(store, offer.entries[1]!), 'aaa')
  t.is(await contentOf(store, offer.entries[2]!), 'bb')
  t.deepEqual(skipped, [])
  // where the files are is no business of the peer
  t.false(JSON.stringify(offer).includes('/d/a'))
})

test('a folder that is named by dots has the name of the folder', async (t) => {
  const dir = await plant(await temporary(t), { 'x/in/a': '1' })
  const paths = async (path: string) => (await manifestOf([path])).offer.entries.map((entry) => entry.path)
  t.deepEqual(await paths(`${dir}/x/in/`), ['in', 'in/a'])
  t.deepEqual(await paths(`${dir}/x/in/.`), ['in', 'in/a'])
  t.deepEqual(await paths(`${dir}/x/in/../../x/in`), ['in', 'in/a'])
  t.deepEqual(await paths(`${dir}/x/in/a`), ['a'])
  const here = process.cwd()
  t.deepEqual(await pathsOf(disk({ [`${here}/a`]: '1' }), ['.']), [
    `${basename(here)}/`,
    `${basename(here)}/a`,
  ])
})

test('relative paths keep the folders in them, which are not offered themselves', async (t) => {
  const fs = disk({ '/a/b/x': '1', '/a/b/y': '2', '/a/c/x': '3', '/d/e': '4' })
  const paths = (...given: string[]) => pathsOf(fs, given, { relative: true })
  t.deepEqual(await paths('/a/b/x', '/a/c', '//d/./e'), ['a/b/x', 'a/c/', 'a/c/x', 'd/e'])
  await refused(t, 'ERR_USAGE', manifestOf(['/'], { fs, relative: true }), /root/)
  const limited = await manifestOf(['/a/b/x', '/d/e'], { fs, relative: true, limits: { depth: 2 } })
  t.deepEqual(
    limited.offer.entries.map(({ type, path }) => [type, path]),
    [
      ['unreadable', 'a/b/x'],
      ['file', 'd/e'],
    ],
  )
  t.regex(limited.skipped[0]!.message, /^\/a\/b\/x cannot be sent: its path is longer or deeper/)
  const { offer, store } = await manifestOf(['/a/b', '/a/c/x'], { fs, relative: true })
  t.is(offer.name, 'a/b and 1 more')
  const contents = offer.entries.filter(({ type }) => type === 'file').map((one) => contentOf(store, one))
  t.deepEqual(await Promise.all(contents), ['1', '2', '3'])
})

test('of relative paths what is named twice, itself or by a folder that it is in, is offered once', async (t) => {
  const fs = disk({ '/a/b/x': '1', '/a/b/y': '2', '/b/b/x': '3' })
  const all = ['a/', 'a/b/', 'a/b/x', 'a/b/y']
  t.deepEqual(await pathsOf(fs, ['/a/b/x', '/a', '/a/b', '/a/', '/a/b/y'], { relative: true }), all)
  t.deepEqual(await pathsOf(fs, ['/a/b/x', '/a/b/x', '/b'], { relative: true }), [
    'a/b/x',
    'b/',
    'b/b/',
    'b/b/x',
  ])
  const here = join(process.cwd(), 'a')
  fs.put(`${here}/b/x`, '4')
  for (const two of [
    ['/a', 'a/b/x'],
    ['a/b/x', '/a'],
    ['a', '/a'],
  ])
    await refused(t, 'ERR_DUPLICATE_NAME', manifestOf(two, { fs, relative: true }), /would both arrive as a;/)
})

test('relative paths arrive without what leads out: on Windows the drive, too', (t) => {
  const [up] = namedOf(['../.././a/../b/c/'], { relative: true })
  t.is(up!.as, 'b/c')
  const windows = disk({}, { platform: 'win32' })
  const given = ['C:\\a\\b', 'a/b\\..\\c', '..\\x', '\\\\host\\share\\y', '.']
  const named = namedOf(given, { fs: windows, relative: true })
  t.deepEqual(
    named.map((one) => one.as),
    ['a/b', 'a/c', 'x', 'y', undefined],
  )
})

test('the root of a disk has no name to arrive under', async (t) => {
  const fs = disk({ '/a/b': '1' })
  for (const path of ['/', '//', '/a/..', '/.'])
    await refused(t, 'ERR_USAGE', manifestOf([path], { fs }), /root/)
  const windows = disk({}, { platform: 'win32' })
  await refused(t, 'ERR_USAGE', manifestOf(['C:\\'], { fs: windows }), /root/)
})

test('two arguments with the same base name are refused before anything is read (known failure 12)', async (t) => {
  const fs = disk({ '/a/x': '1', '/b/x': '2', '/b/y': '3' })
  await refused(t, 'ERR_DUPLICATE_NAME', manifestOf(['/a/x', '/b/x'], { fs }), /\/a\/x and \/b\/x/)
  await refused(t, 'ERR_DUPLICATE_NAME', manifestOf(['/a', '/b', '/a/'], { fs }))
  t.is(fs.calls, 0)
  t.deepEqual(await pathsOf(fs, ['/b/y', '/a/x']), ['y', 'x'])
  t.deepEqual(await pathsOf(fs, ['/b', '/b/y']), ['b/', 'b/x', 'b/y', 'y'])
})

test('a name in a folder and the same name as an argument do not collide', async (t) => {
  const fs = disk({ '/x.part': '1', '/x': '2', '/d/x': '3' })
  t.deepEqual(await pathsOf(fs, ['/x', '/x.part', '/d']), ['x', 'x.part', 'd/', 'd/x'])
})

test('what is not there is an error that names it', async (t) => {
  const fs = disk({ '/d/a': '1' })
  fs.putLink('/dangling', '/nowhere')
  for (const path of ['/d/b', '/e', '/d/a/b', '/dangling']) {
    await refused(t, 'ERR_NO_SUCH_FILE', manifestOf(['/d/a', path], { fs }), new RegExp(path))
  }
  await refused(t, 'ERR_NO_SUCH_FILE', manifestOf(['/a\u001b[2J'], { fs }), /\\u\{1b\}/)
})

test('an argument that cannot be read is an error at once', async (t) => {
  for (const call of ['lstat', 'open', 'readdir'] as const) {
    const fs = disk({ '/d/a': '1' })
    fs.fail({ call, error: 'EACCES' })
    await refused(t, 'ERR_SOURCE_READ', manifestOf([call === 'open' ? '/d/a' : '/d'], { fs }), /EACCES/)
    allClosed(fs)
  }
})

test('a folder inside that cannot be read is reported, and the others go on', async (t) => {
  const fs = disk({ '/d/a/1': '1', '/d/b/2': '2', '/d/c': '3' })
  fs.fail({ call: 'readdir', path: '/d/a', error: 'EACCES' })
  fs.fail({ call: 'lstat', path: '/d/c', error: 'ENOENT', once: false })
  const { offer, skipped } = await manifestOf(['/d'], { fs })
  t.deepEqual(shown(offer), [
    'directory d',
    'ERR_SOURCE_READ d/a',
    'directory d/b',
    'file d/b/2',
    'ERR_SOURCE_CHANGED d/c',
  ])
  t.deepEqual(
    skipped.map(({ code, path }) => [code, path]),
    [
      ['ERR_SOURCE_READ', '/d/a'],
      ['ERR_SOURCE_CHANGED', '/d/c'],
    ],
  )
})

test('names are looked at by synchronous calls where there are some, and what these cannot tell by others', async (t) => {
  const tree = { '/d/a': '1', '/d/empty': '', '/d/z/b': '22', '/d/z/c': '3' }
  const plain = disk(tree, { sync: false })
  plain.putLink('/d/l', 'a')
  const expected = await manifestOf(['/d'], { fs: plain, symlinks: 'keep' })
  const fs = disk(tree)
  fs.putLink('/d/l', 'a')
  const looks: string[] = []
  fs.hook = ({ call, path, sync }) => {
    if (call === 'lstat' && path !== '/d') looks.push(`${path}${sync ? '' : ' again'}`)
  }
  const { offer } = await manifestOf(['/d'], { fs, symlinks: 'keep' })
  t.deepEqual(
    offer.entries.map(({ path, size, target }) => [path, size, target]),
    expected.offer.entries.map(({ path, size, target }) => [path, size, target]),
  )
  t.deepEqual(looks, ['/d/a', '/d/empty', '/d/l', '/d/z', '/d/empty again', '/d/l again', '/d/z/b', '/d/z/c'])
})

test('a file inside that cannot be read is offered all the same: it is found when it is read', async (t) => {
  const fs = disk({ '/d/a': '1', '/d/empty': '' })
  fs.fail({ call: 'open', once: false, error: 'EACCES' })
  t.deepEqual(await pathsOf(fs, ['/d']), ['d/', 'd/a', 'd/empty'])
})

test('too many open files make it wait, and nothing is lost', async (t) => {
  const fs = disk({ '/d/a/1': '1' })
  fs.fail({ call: 'readdir', path: '/d/a', error: 'EMFILE' })
  t.deepEqual(await pathsOf(fs, ['/d']), ['d/', 'd/a/', 'd/a/1'])
})

test('links, pipes and sockets in the source are looked at, never opened, and reported (hostile input 67)', async (t) => {
  const dir = await plant(await temporary(t), { 'd/a': '1', 'd/z': '2', outside: 'secret' })
  await promisify(execFile)('mkfifo', [join(dir, 'd/pipe'), join(dir, 'pipe')])
  await symlink(join(dir, 'outside'), join(dir, 'd/link'))
  await symlink('/', join(dir, 'd/root'))
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(dir, 'd/socket'), resolve))
  t.teardown(() => server.close())
  const { offer, skipped } = await manifestOf([join(dir, 'd'), join(dir, 'pipe'), '/dev/null'])
  t.deepEqual(
    offer.entries.map(({ path }) => path),
    ['d', 'd/a', 'd/z'],
  )
  t.deepEqual(
    skipped.map(({ code, path }) => [code, basename(path!)]),
    ['link', 'pipe', 'root', 'socket', 'pipe', 'null'].map((name) => ['ERR_SKIPPED', name]),
  )
})

// elsewhere there is no such file
const onLinux = process.platform === 'linux' ? test : () => {}

onLinux(
  'a file of /proc, whose size says nothing of its content, is reported (hostile input 67)',
  async (t) => {
    const { offer, skipped } = await manifestOf(['/proc/self/status', '/proc/version'])
    t.deepEqual(shown(offer), ['ERR_UNSENDABLE status', 'ERR_UNSENDABLE version'])
    t.deepEqual(
      skipped.map(({ code, path }) => [code, path]),
      [
        ['ERR_UNSENDABLE', '/proc/self/status'],
        ['ERR_UNSENDABLE', '/proc/version'],
      ],
    )
  },
)

test('an empty file that grows while it is looked at is what it is now', async (t) => {
  const fs = disk({ '/d/a': '' })
  fs.hook = ({ call, path }) => {
    if (call !== 'open' || path !== '/d/a') return
    fs.hook = undefined
    fs.put('/d/a', 'grown')
  }
  const { offer } = await manifestOf(['/d'], { fs })
  t.is(offer.entries[1]!.size, 5)
  fs.put('/e/a', '')
  fs.fail({ call: 'read', error: 'EIO' })
  t.is((await manifestOf(['/e'], { fs })).skipped[0]!.code, 'ERR_SOURCE_READ')
  allClosed(fs)
})

onLinux('a name that is not valid UTF-8 is reported, and the others are offered', async (t) => {
  const dir = await temporary(t)
  await writeFile(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0x62, 0xff])]), 'x')
  await writeFile(join(dir, 'a'), '1')
  await writeFile(join(dir, 'c'), '1')
  const { offer, skipped } = await manifestOf([dir])
  t.deepEqual(
    shown(offer),
    ['directory :', 'file :/a', 'ERR_UNSENDABLE :/b\ufffd', 'file :/c'].map((path) =>
      path.replace(':', basename(dir)),
    ),
  )
  t.deepEqual(
    skipped.map(({ code }) => code),
    ['ERR_UNSENDABLE'],
  )
})

test('what is deeper or longer than can be offered is reported', async (t) => {
  const fs = new MemoryDisk()
  fs.put(`/d${'/d'.repeat(DEFAULT_LIMITS.depth - 2)}/last`, '1')
  fs.put(`/d${'/d'.repeat(DEFAULT_LIMITS.depth - 2)}/e/beyond`, '1')
  const { offer, skipped } = await manifestOf(['/d'], { fs })
  t.regex(shown(offer).at(-2)!, /^ERR_UNSENDABLE .*\/e\/beyond$/)
  t.regex(shown(offer).at(-1)!, /^file .*\/d\/last$/)
  t.deepEqual(
    skipped.map(({ code }) => code),
    ['ERR_UNSENDABLE'],
  )
  for (const { type, path } of offer.entries) if (type !== 'unreadable') t.notThrows(() => checkPath(path))
})

test('an argument that is a link is followed under its own name', async (t) => {
  const fs = disk({ '/real/a': '1', '/file': '22' })
  fs.putLink('/latest', '/real')
  fs.putLink('/file.link', '/file')
  fs.putLink('/real/l', '/file')
  for (const symlinks of ['skip', 'keep'] as const) {
    const { offer, store, skipped } = await manifestOf(['/latest', '/file.link'], { fs, symlinks })
    const kept = symlinks === 'keep' ? ['symlink latest/l'] : []
    t.deepEqual(
      offer.entries.map(({ type, path }) => `${type} ${path}`),
      ['directory latest', 'file latest/a', ...kept, 'file file.link'],
    )
    t.is(await contentOf(store, offer.entries[1]!), '1')
    t.is(await contentOf(store, offer.entries.at(-1)!), '22')
    t.is(skipped.length, symlinks === 'keep' ? 0 : 1)
  }
})

test('links that are kept have their target and no bytes', async (t) => {
  const fs = disk({ '/d/a': '1' })
  fs.putLink('/d/up', '../a')
  fs.putLink('/d/gone', 'nowhere')
  const { offer } = await manifestOf(['/d'], { fs, symlinks: 'keep' })
  t.deepEqual(
    offer.entries.map(({ path, size, target }) => [path, size, target]),
    [
      ['d', 0, undefined],
      ['d/a', 1, undefined],
      ['d/gone', 0, 'nowhere'],
      ['d/up', 0, '../a'],
    ],
  )
  fs.fail({ call: 'readlink', error: 'EIO' })
  const again = await manifestOf(['/d'], { fs, symlinks: 'keep' })
  t.is(again.skipped[0]!.code, 'ERR_SOURCE_READ')
})

test('an attached offer goes on where the one before ends', async (t) => {
  const fs = disk({ '/d/a': '123', '/e': '45', '/other/d': '' })
  const { offer } = await manifestOf(['/d'], { fs, algorithm: 'md5', open: true })
  const attached = (await manifestOf(['/e'], { fs, after: offer })).offer
  t.like(attached, { id: offer.id, algorithm: 'md5', first: 2, position: 3, bytes: 2 })
  t.like(attached.entries[0]!, { index: 2, start: 3, path: 'e' })
  await refused(t, 'ERR_DUPLICATE_NAME', manifestOf(['/other/d'], { fs, after: offer }))
  await refused(t, 'ERR_USAGE', manifestOf(['/e'], { fs, after: offer, algorithm: 'sha256' }))
  const open = manifestFrom(Readable.from([]), { name: 'x', open: true }).offer
  await refused(t, 'ERR_STATE', manifestOf(['/e'], { fs, after: open }), /unknown size/)
})

test('the name for people is that of the first argument, and how many more there are', async (t) => {
  const fs = disk({ '/a': '', '/b': '', '/c': '', [`/${'n'.repeat(255)}`]: '' })
  const name = async (...paths: string[]) => (await manifestOf(paths, { fs })).offer.name
  t.is(await name('/a'), 'a')
  t.is(await name('/a', '/b', '/c'), 'a and 2 more')
  t.is(await name(`/${'n'.repeat(255)}`, '/b'), 'n'.repeat(255))
  t.is((await manifestOf(['/a'], { fs, name: 'holiday' })).offer.name, 'holiday')
})

test('bad options are refused', async (t) => {
  const fs = disk({ '/a': '1' })
  const bad: [string[], object][] = [
    [[], {}],
    [[''], {}],
    [['a\0b'], {}],
    [[7 as never], {}],
    ['/a' as never, {}],
    [['/a'], { symlinks: 'follow' }],
    [['/a'], { include: '*.ts' }],
    [['/a'], { exclude: [1] }],
    [['/a'], { id: 'xyz' }],
    [['/a'], { name: '' }],
    [['/a'], { name: 'n'.repeat(256) }],
    [['/a'], { name: '\ud800' }],
  ]
  for (const [paths, options] of bad) await refused(t, 'ERR_USAGE', manifestOf(paths, { fs, ...options }))
  await refused(t, 'ERR_UNSUPPORTED', manifestOf(['/a'], { fs, algorithm: 'crc32' }))
  t.is((await manifestOf(['/a'], { fs, id: 'ab'.repeat(16) })).offer.id, 'ab'.repeat(16))
})

test('more entries than can be offered are refused', async (t) => {
  const fs = disk({ '/d/a': '1', '/d/b': '2' })
  const limits = { entries: 2 }
  await refused(t, 'ERR_LIMIT', manifestOf(['/d'], { fs, limits }), /more than 2 files/)
  t.is((await manifestOf(['/d'], { fs, limits: { entries: 3 } })).offer.entries.length, 3)
})

test('sizes that add up to more than 2^53 are refused', async (t) => {
  const fs = disk({ '/d/a': '1', '/d/b': '2' }, { sync: false })
  const lstat = fs.lstat.bind(fs)
  fs.lstat = async (path) => {
    const stats = await lstat(path)
    return stats.isFile() ? Object.assign(stats, { size: 2 ** 52 + 1 }) : stats
  }
  await refused(t, 'ERR_LIMIT', manifestOf(['/d'], { fs }), /2\^53/)
})

test('a manifest of a stream has one entry of unknown size', (t) => {
  const stream = Readable.from(['x'])
  const { offer, store, skipped } = manifestFrom(stream, { name: 'dump.sql', algorithm: 'blake3' })
  t.like(offer, { name: 'dump.sql', algorithm: 'blake3', bytes: 0 })
  t.like(offer.entries, [{ index: 0, type: 'file', path: 'dump.sql', size: null, start: 0, mode: null }])
  t.false(store.rereadable(offer.entries[0]!))
  t.is(store.stream!(offer.entries[0]!), stream)
  t.deepEqual(skipped, [])
  for (const name of ['', '.', '..', 'a/b', 'a\0', '\ud800', 5 as never, 'n'.repeat(256)]) {
    t.true(
      isSluiceError(
        t.throws(() => manifestFrom(stream, { name })),
        'ERR_USAGE',
      ),
      String(name),
    )
  }
  t.true(
    isSluiceError(
      t.throws(() => manifestFrom('x' as never, { name: 'x' })),
      'ERR_USAGE',
    ),
  )
})

test('a stream with an encoding is refused: what is no text would be lost', (t) => {
  const stream = Readable.from([Buffer.from([0xff])]).setEncoding('latin1')
  const refused = t.throws(() => manifestFrom(stream, { name: 'x' }))
  t.true(isSluiceError(refused, 'ERR_USAGE'))
  t.regex(refused!.message, /setEncoding/)
})

test('a stream may fail before it is read: that is nobody else’s error', async (t) => {
  const stream = new Readable({ read() {} })
  manifestFrom(stream, { name: 'x' })
  stream.destroy(new Error('boom'))
  await new Promise((resolve) => stream.once('close', resolve))
  t.pass()
})

test('any tree is listed whole, sorted by bytes within each folder, each parent before its children', async (t) => {
  const name = fc.constantFrom('a', 'b', 'B', 'ä', 'a.b', 'a b', '-', '~', '😀', '～', '..x', '#')
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `/root/${names.join('/')}`)
  await fc.assert(
    fc.asyncProperty(fc.array(path, { maxLength: 15 }), async (paths) => {
      const fs = new MemoryDisk()
      fs.putFolder('/root')
      for (const one of paths) {
        try {
          fs.put(one, one)
        } catch {
          // below a file, or a folder with this name is there
        }
      }
      const { offer } = await manifestOf(['/root'], { fs })
      const standing = fs.list().map((one) => one.replace(/\/$/, '').slice(1))
      const listed = offer.entries.map((entry) => entry.path)
      t.deepEqual([...listed].sort(), standing.filter(Boolean).sort())
      const seen = new Set([''])
      const last = new Map<string, Buffer>()
      for (const one of listed) {
        const parent = one.slice(0, Math.max(0, one.lastIndexOf('/')))
        t.true(seen.has(parent))
        const before = last.get(parent)
        if (before) t.true(Buffer.compare(before, Buffer.from(one)) < 0)
        last.set(parent, Buffer.from(one))
        seen.add(one)
      }
    }),
    { numRuns: scale(25, 1000) },
  )
})

test('many files are listed in little time and memory', async (t) => {
  const dir = await temporary(t)
  const count = scale(2000, 100_000)
  for (let i = 0; i < count; i += 1000) {
    await mkdir(join(dir, `d${i}`))
    const names = Array.from({ length: 1000 }, (_none, j) => join(dir, `d${i}`, `file-${i + j}`))
    await Promise.all(names.map((name) => writeFile(name, 'x')))
  }
  const before = process.memoryUsage().heapUsed
  const { offer } = await manifestOf([dir])
  t.is(offer.bytes, count)
  t.true(process.memoryUsage().heapUsed - before < 20e6 + count * 2000)
})

test('a signal ends the listing, at once or in the middle', async (t) => {
  const root = await plant(await temporary(t), { 'a/b/c': 'x' })
  const already = manifestOf([root], { signal: AbortSignal.abort() })
  await t.throwsAsync(already, { code: 'ERR_CANCELLED' })
  const stop = new AbortController()
  const listed: string[] = []
  const fs: FileSystem = Object.create(nodeFileSystem, {
    readdir: {
      value: (path: string) => {
        listed.push(path)
        stop.abort()
        return nodeFileSystem.readdir(path)
      },
    },
  })
  await t.throwsAsync(manifestOf([root], { fs, signal: stop.signal }), { code: 'ERR_CANCELLED' })
  t.deepEqual(listed, [root])
})

onLinux('a link to what is no UTF-8 is reported, and never changed', async (t) => {
  const dir = await plant(await temporary(t), { 'd/a': '1', 'caf\ufffd': 'another one' })
  const target = Buffer.from([0x2e, 0x2e, 0x2f, 0x63, 0x61, 0x66, 0xe9])
  await symlink(target, join(dir, 'd/link'))
  const { offer } = await manifestOf([join(dir, 'd')], { symlinks: 'keep' })
  t.deepEqual(shown(offer), ['directory d', 'file d/a', 'ERR_UNSENDABLE d/link'])
  await writeFile(Buffer.concat([Buffer.from(`${dir}/caf`), Buffer.from([0xe9])]), 'what is meant')
  for (const symlinks of ['skip', 'keep'] as const)
    await refused(t, 'ERR_UNSENDABLE', manifestOf([join(dir, 'd/link')], { symlinks }), /target.*UTF-8/)
})

test('.. in an argument leads where the system says, also behind a link', async (t) => {
  const fs = disk({ '/far/one/x': '1', '/far/two': '22', '/here/two': 'wrong', '/here/a': '' })
  fs.putLink('/here/link', '/far/one')
  const of = async (path: string) => {
    const { offer, store } = await manifestOf([path], { fs })
    const first = offer.entries.find(({ type }) => type === 'file')!
    return [shown(offer)[0], await contentOf(store, first)]
  }
  t.deepEqual(await of('/here/link/../two'), ['file two', '22'])
  t.deepEqual(await of('/here/link/..'), ['directory far', '1'])
  t.deepEqual(await of('/here/link/./../one/../two/'), ['file two', '22'])
  t.deepEqual(await of('/here/../here/two'), ['file two', 'wrong'])
  await refused(t, 'ERR_NO_SUCH_FILE', manifestOf(['/here/none/../two'], { fs }), /none/)
  await refused(t, 'ERR_USAGE', manifestOf(['/far/..'], { fs }), /root/)
  const windows = disk({ '/here/two': '2' }, { platform: 'win32' })
  await refused(t, 'ERR_NO_SUCH_FILE', manifestOf(['/here/none/../three'], { fs: windows }), /three/)
})

test('a time that no disk holds is sent as near as can be, and said of that file', async (t) => {
  let now = 0
  const fs = disk({}, { now: () => now })
  fs.putFolder('/t')
  for (const [name, time] of Object.entries({
    a: 9_223_372_036_854_775_000,
    b: -9.2e21,
    c: 0,
    d: 12_345.5,
  })) {
    now = time
    fs.put(`/t/${name}`, name)
  }
  const { offer, skipped } = await manifestOf(['/t'], { fs })
  t.deepEqual(
    skipped.map(({ code, message }) => [code, message]),
    [
      ['ERR_UNSUPPORTED', 't/a has a time that no disk can be relied on to hold; it is sent as one of 2446'],
      ['ERR_UNSUPPORTED', 't/b has a time that no disk can be relied on to hold; it is sent as one of 1901'],
    ],
  )
  t.deepEqual(
    offer.entries.slice(1).map(({ mtime }) => mtime),
    [15032385535000, -2147483648000, 0, 12345],
  )
})

test('a file that the program itself writes to is left out', async (t) => {
  const fs = disk({ '/d/a': '1', '/d/own': 'so far', '/d/z': '2' })
  const own = await fs.stat('/d/own')
  const { offer, skipped } = await manifestOf(['/d'], { fs, omit: [own] })
  t.deepEqual(shown(offer), ['directory d', 'file d/a', 'file d/z'])
  t.like(skipped[0]!, { code: 'ERR_SKIPPED', message: '/d/own is left out: this program writes to it' })
})

test('of a folder only some paths are offered, with the folders that lead there, by the rules of the whole', async (t) => {
  const fs = disk({
    '/d/photos/2024/a.jpg': 'a',
    '/d/photos/2024/b.jpg': 'b',
    '/d/photos/2024/c.log': 'c',
    '/d/photos/2025/d.jpg': 'd',
    '/d/photos/.gitignore': '*.log',
    '/d/report.pdf': 'r',
  })
  const only = ['photos/2024/a.jpg', 'photos/2024/c.log', 'photos/2025', 'photos/gone.jpg']
  t.deepEqual(await pathsOf(fs, ['/d/photos', '/d/report.pdf'], { only, gitignore: true }), [
    'photos/',
    'photos/2024/',
    'photos/2024/a.jpg',
    'photos/2025/',
  ])
  t.deepEqual(await pathsOf(fs, ['/d/photos', '/d/report.pdf'], { only: ['report.pdf'] }), ['report.pdf'])
  t.deepEqual(await pathsOf(fs, ['/d/photos'], { only: ['photos/gone.jpg'] }), [])
  await refused(t, 'ERR_USAGE', manifestOf(['/d/photos'], { fs, only: 'photos' as never }))
})
