import { execFile } from 'node:child_process'
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import { type FileStats, OPEN, type SyncCalls } from '../../../../lib/files/disk/fs.js'
import { byHandles } from '../../../../lib/files/disk/native/handle-calls.js'
import { loadLibc } from '../../../../lib/files/disk/native/libc.js'
import { blockingFileSystem, makeFileSystem } from '../../../../lib/files/disk/node-fs.js'
import { temporary } from '../../../helpers/folders.js'

const run = promisify(execFile)
const LIBC = new URL('../../../../lib/files/disk/native/libc.js', import.meta.url)

/** Those that are not made by handle fail: so it is seen which way a call goes. */
const byPath = new Proxy({} as Parameters<typeof byHandles>[0], {
  get: (_calls, name) => () => {
    throw new Error(`${String(name)} was made by path`)
  },
  ownKeys: () => [],
})

/** A folder that is open, the calls by its handle, and paths of names in it. Undefined where there is no such thing. */
async function scene(t: ExecutionContext) {
  if (loadLibc() === null) {
    t.pass('only on Linux, where the package is installed')
    return undefined
  }
  const dir = await temporary(t)
  const fd = openSync(dir, OPEN.folder)
  t.teardown(() => closeSync(fd))
  const calls = byHandles(byPath)
  let rename: SyncCalls['renameNoReplace']
  while (!rename) rename = calls.renameNoReplace
  return { dir, fd, calls, rename, at: (name: string) => blockingFileSystem.at(fd, name)! }
}

test('a rename gives a free name, and replaces nothing', async (t) => {
  const it = await scene(t)
  if (!it) return
  const { dir, rename, at } = it
  for (const name of ['part', 'file']) writeFileSync(join(dir, name), name)
  mkdirSync(join(dir, 'folder'))
  symlinkSync('nowhere', join(dir, 'link'))
  linkSync(join(dir, 'part'), join(dir, 'second name'))
  for (const taken of ['file', 'folder', 'link', 'second name'])
    t.throws(() => rename(at('part'), at(taken)), { code: 'EEXIST', message: /^EEXIST: rename '/ }, taken)
  rename(at('part'), at('name with ünïcode'))
  t.deepEqual(readdirSync(dir).sort(), ['file', 'folder', 'link', 'name with ünïcode', 'second name'])
})

test('a failure has what those of Node have', async (t) => {
  const it = await scene(t)
  if (!it) return
  const { calls, rename, at } = it
  const ENOENT = { code: 'ENOENT', errno: -constants.errno.ENOENT }
  const renamed = t.throws(() => rename(at('none'), at('new')))
  t.like(renamed, { ...ENOENT, syscall: 'rename', path: at('none'), dest: at('new') })
  t.like(
    t.throws(() => calls.open(at('none'), OPEN.read)),
    { ...ENOENT, syscall: 'open', path: at('none') },
  )
})

test('a path that does not begin at a handle is left to Node', async (t) => {
  const it = await scene(t)
  if (!it) return
  const { dir, calls, rename, at } = it
  const paths = [join(dir, 'a'), at('a/b'), at('nul\0')]
  for (const path of paths) {
    t.throws(() => calls.open(path, OPEN.read), { message: 'open was made by path' })
    t.throws(() => calls.lstat(path), { message: 'lstat was made by path' })
    t.throws(() => rename(path, at('b')), { code: 'ENOSYS' })
  }
  t.throws(() => calls.lstat(at('none')), { message: 'lstat was made by path' })
})

test('files are made exclusively, with their mode, through no link, and closed in other programs', async (t) => {
  const it = await scene(t)
  if (!it) return
  const { dir, calls, at } = it
  const fd = calls.open(at('new'), OPEN.create, 0o640)
  t.teardown(() => closeSync(fd))
  t.is(lstatSync(join(dir, 'new')).mode & 0o777, 0o640 & ~process.umask())
  t.throws(() => calls.open(at('new'), OPEN.create, 0o640), { code: 'EEXIST' })
  symlinkSync('elsewhere', join(dir, 'link'))
  t.throws(() => calls.open(at('link'), OPEN.create), { code: 'EEXIST' })
  t.throws(() => calls.open(at('link'), OPEN.update), { code: 'ELOOP' })
  const { stdout } = await run('ls', ['-l', '/proc/self/fd'])
  t.notRegex(stdout, /\/new$/m)
})

test('the stats are those of Node', async (t) => {
  const it = await scene(t)
  if (!it) return
  const { dir, fd, calls, at } = it
  writeFileSync(join(dir, 'file'), 'content')
  mkdirSync(join(dir, 'folder'))
  symlinkSync('file', join(dir, 'link'))
  blockingFileSystem.sync!.futimes(openForTimes(t, join(dir, 'file')), -2.5, -1.5)
  const plain = makeFileSystem({ platform: 'darwin', blocking: true }).sync!
  // without the birth, which not every disk knows; some are fields, and some made when they are asked for
  const known = ({ size, mode, uid, gid, dev, ino, nlink, mtimeMs, ctimeMs }: FileStats) => {
    return { size, mode, uid, gid, dev, ino, nlink, mtimeMs, ctimeMs }
  }
  for (const name of ['file', 'folder', 'link']) {
    const [ours, theirs] = [calls.lstat(at(name)), plain.lstat(join(dir, name))]
    t.deepEqual(known(ours), known(theirs), name)
    const kinds = (stats: FileStats) => [stats.isFile(), stats.isDirectory(), stats.isSymbolicLink()]
    t.deepEqual(kinds(ours), kinds(theirs), name)
    t.true(ours.birthtimeMs === 0 || ours.birthtimeMs === lstatSync(join(dir, name)).birthtimeMs, name)
  }
  t.deepEqual(known(calls.fstat(fd)), known(plain.fstat(fd)))
})

function openForTimes(t: ExecutionContext, path: string): number {
  const fd = openSync(path, OPEN.update)
  t.teardown(() => closeSync(fd))
  return fd
}

test('the library is not loaded for few names', (t) => {
  t.is(byHandles(byPath).renameNoReplace, undefined)
})

test('it is not loaded where the user does not want it, and not in a worker thread', async (t) => {
  const ask = `import(${JSON.stringify(LIBC)}).then(({ loadLibc }) => console.log(loadLibc()))`
  const env = { ...process.env, SLUICE_NATIVE: 'off' }
  t.is((await run(process.execPath, ['-e', ask], { env })).stdout, 'null\n')
  const worker = new Worker(
    `import(${JSON.stringify(LIBC)}).then(({ loadLibc }) => require('worker_threads').parentPort.postMessage(loadLibc()))`,
    { eval: true },
  )
  t.is(await new Promise((resolve) => worker.once('message', resolve)), null)
})
