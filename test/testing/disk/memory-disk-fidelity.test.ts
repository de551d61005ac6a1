import { execFileSync } from 'node:child_process'
import {
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import {
  blockingFileSystem,
  errorCode,
  type FileStats,
  type FileSystem,
  nodeFileSystem,
  OPEN,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { scale } from '../../helpers/scale.js'

// What the simulated disk answers is compared with what Linux answers: other systems differ in their codes.
const REAL = process.platform === 'linux'

const {
  O_RDONLY,
  O_WRONLY,
  O_RDWR,
  O_CREAT,
  O_EXCL,
  O_TRUNC,
  O_NOFOLLOW,
  O_DIRECTORY,
  O_NONBLOCK,
  O_APPEND,
} = constants

/** One step, played on either disk. Handles are named by the order in which they were opened. */
type Step = (fs: FileSystem, at: (path: string) => string, fds: number[]) => Promise<unknown>

const NAMES = ['a', 'b', 'c', 'pipe', '.', '..', 'n'.repeat(256)]
const path = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'a/a', 'a/b', 'b/a', 'a/b/c') },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 })
      .map((names) => names.join('/')),
  },
)
const target = fc.constantFrom('a', 'b', '../a', 'b/a', '.', '..', 'nowhere', '')
const handle = fc.nat(3)
const position = fc.nat(20)
const content = fc.array(
  fc.string({ maxLength: 9 }).map((text) => Buffer.from(text)),
  { minLength: 1, maxLength: 3 },
)
const flags = fc
  .tuple(
    fc.constantFrom(O_RDONLY, O_WRONLY, O_RDWR),
    fc.subarray([O_CREAT, O_EXCL, O_TRUNC, O_NOFOLLOW, O_DIRECTORY, O_APPEND]),
  )
  .map(([access, more]) => more.reduce((all, flag) => all | flag, access | O_NONBLOCK))
  // undefined by POSIX, and different from kernel to kernel
  .filter((all) => (all & O_CREAT) === 0 || (all & O_DIRECTORY) === 0)
  .filter((all) => (all & O_EXCL) === 0 || (all & O_CREAT) !== 0)
  .filter((all) => (all & O_TRUNC) === 0 || (all & 3) !== O_RDONLY)

const kind = (s: FileStats) =>
  s.isFile() ? 'file' : s.isDirectory() ? 'folder' : s.isSymbolicLink() ? 'link' : 'other'
function seen(s: FileStats): unknown[] {
  const sized = s.isFile() || s.isSymbolicLink()
  // one pipe serves all runs
  if (kind(s) === 'other') return [kind(s)]
  return [kind(s), s.mode.toString(8), sized && s.size, s.isFile() && s.nlink]
}

const opened = (index: number, fds: number[]): number => {
  const fd = fds[index % Math.max(fds.length, 1)]
  if (fd === undefined) throw Object.assign(new Error('no handle yet'), { code: 'NONE' })
  return fd
}

/** Every step carries the words by which a failing run is shown. */
const step = (words: unknown[], run: Step) =>
  Object.assign(run, { [fc.toStringMethod]: () => JSON.stringify(words) })

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(path, flags, fc.constantFrom(0o600, 0o666, 0o755)).map(([p, f, mode]) =>
      step(['open', p, f, mode], async (fs, at, fds) => {
        fds.push(await fs.open(at(p), f, mode))
      }),
    ),
  },
  handle.map((h) =>
    step(['close', h], async (fs, _at, fds) => {
      const fd = opened(h, fds)
      fds.splice(fds.indexOf(fd), 1)
      await fs.close(fd)
    }),
  ),
  fc
    .tuple(handle, content, position)
    .map(([h, c, p]) => step(['write', h, c.join('|'), p], (fs, _at, fds) => fs.write(opened(h, fds), c, p))),
  // at no position: only where every write goes to the end
  fc.tuple(path, content).map(([p, c]) =>
    step(['append', p, c.join('|')], async (fs, at) => {
      const fd = await fs.open(at(p), OPEN.append, 0o600)
      try {
        // the one pipe would be full some day
        return (await fs.fstat(fd)).isFile() && (await fs.write(fd, c, null))
      } finally {
        await fs.close(fd)
      }
    }),
  ),
  fc.tuple(handle, fc.nat(12), position).map(([h, length, p]) =>
    step(['read', h, length, p], async (fs, _at, fds) => {
      const buffer = Buffer.alloc(20)
      const got = await fs.read(opened(h, fds), buffer, 3, length, p)
      return [got, buffer.toString('hex')]
    }),
  ),
  fc
    .tuple(handle, fc.nat(30))
    .map(([h, n]) => step(['ftruncate', h, n], (fs, _at, fds) => fs.ftruncate(opened(h, fds), n))),
  fc
    .tuple(handle, fc.constantFrom(0o700, 0o751, 0o644 | 0o100))
    .map(([h, mode]) => step(['fchmod', h, mode], (fs, _at, fds) => fs.fchmod(opened(h, fds), mode))),
  handle.map((h) => step(['fsync', h], (fs, _at, fds) => fs.fsync(opened(h, fds)))),
  handle.map((h) => step(['fstat', h], async (fs, _at, fds) => seen(await fs.fstat(opened(h, fds))))),
  fc.tuple(handle, fc.nat(2_000_000_000)).map(([h, seconds]) =>
    step(['futimes', h, seconds], async (fs, _at, fds) => {
      const fd = opened(h, fds)
      await fs.futimes(fd, seconds, seconds)
      return Math.round((await fs.fstat(fd)).mtimeMs)
    }),
  ),
  fc.tuple(handle, fc.constantFrom('a', 'b', 'c')).map(([h, name]) =>
    step(['mkdir at', h, name], async (fs, _at, fds) => {
      const fd = opened(h, fds)
      // through something that is no folder every system has its own words
      if ((await fs.fstat(fd)).isDirectory()) await fs.mkdir(fs.at(fd, name)!)
    }),
  ),
  fc.tuple(handle, path).map(([h, p]) =>
    step(['lstat at', h, p], async (fs, _at, fds) => {
      const fd = opened(h, fds)
      return (await fs.fstat(fd)).isDirectory() && !p.includes('..') && seen(await fs.lstat(fs.at(fd, p)!))
    }),
  ),
  path.map((p) => step(['stat', p], async (fs, at) => seen(await fs.stat(at(p))))),
  path.map((p) => step(['lstat', p], async (fs, at) => seen(await fs.lstat(at(p))))),
  path.map((p) => step(['realpath', p], async (fs, at) => (await fs.realpath(at(p))).slice(at('').length))),
  path.map((p) => step(['readlink', p], (fs, at) => fs.readlink(at(p)))),
  path.map((p) => step(['readdir', p], async (fs, at) => (await fs.readdir(at(p))).map(String).sort())),
  { weight: 3, arbitrary: path.map((p) => step(['mkdir', p], (fs, at) => fs.mkdir(at(p)))) },
  path.map((p) => step(['rmdir', p], (fs, at) => fs.rmdir(at(p)))),
  path.map((p) => step(['unlink', p], (fs, at) => fs.unlink(at(p)))),
  fc.tuple(path, path).map(([p, q]) => step(['link', p, q], (fs, at) => fs.link(at(p), at(q)))),
  {
    weight: 2,
    arbitrary: fc
      .tuple(path, path)
      .map(([p, q]) => step(['rename', p, q], (fs, at) => fs.rename(at(p), at(q)))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(target, path)
      .map(([to, p]) => step(['symlink', to, p], (fs, at) => fs.symlink(to, at(p)))),
  },
)

async function outcome(run: Step, fs: FileSystem, base: string, fds: number[]): Promise<unknown> {
  try {
    return (await run(fs, (path) => `${base}/${path}`, fds)) ?? 'done'
  } catch (error) {
    return errorCode(error) ?? error
  }
}

function realList(folder: string, above = ''): string[] {
  return readdirSync(folder).flatMap((name) => {
    const here = join(folder, name)
    const stats = lstatSync(here)
    const shown = `${above}${name}`
    if (stats.isDirectory()) return [`${shown}/`, ...realList(here, `${shown}/`)]
    if (stats.isSymbolicLink()) return [`${shown} -> ${readlinkSync(here)}`]
    return [stats.isFIFO() ? `${shown}|` : `${shown}=${readFileSync(here, 'hex')}`]
  })
}

function memoryList(disk: MemoryDisk, base: string): string[] {
  const files = disk.snapshot()
  return disk
    .list()
    .filter((path) => path.startsWith(`${base}/`) && path !== `${base}/`)
    .map(
      (path) => path.slice(base.length + 1) + (files.has(path) ? `=${files.get(path)!.toString('hex')}` : ''),
    )
}

/** The same file system, with the calls made at once where it has such. */
function atOnce(fs: FileSystem): FileSystem {
  const { sync } = fs
  const later = Object.entries(sync!).map(([name, call]: [string, (...given: unknown[]) => unknown]) => [
    name,
    async (...given: unknown[]) => call(...given),
  ])
  const calls = Object.fromEntries(later)
  return new Proxy(fs, {
    get(target, name) {
      if (Object.hasOwn(calls, name)) return calls[name]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const play = async (t: ExecutionContext, fs: FileSystem, simulate: (disk: MemoryDisk) => FileSystem) => {
  if (!REAL) return t.pass('only Linux is imitated')
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-fidelity-')))
  const pipe = join(top, 'pipe')
  execFileSync('mkfifo', [pipe])
  let runs = 0
  try {
    const same = fc.asyncProperty(
      fc.array(steps, { minLength: 5, maxLength: 60, size: 'max' }),
      async (sequence) => {
        // deep down, so that '..' finds the same on both
        const own = join(top, `run-${runs++}`)
        const base = join(own, ...'uvwxyz')
        mkdirSync(base, { recursive: true })
        linkSync(pipe, join(base, 'pipe'))
        const disk = new MemoryDisk({ umask: process.umask() })
        disk.putFolder(base)
        disk.putPipe(`${base}/pipe`)
        const memory = simulate(disk)
        const real: number[] = []
        const simulated: number[] = []
        try {
          for (const run of sequence) {
            const expected = await outcome(run, fs, base, real)
            const found = await outcome(run, memory, base, simulated)
            if (JSON.stringify(found) !== JSON.stringify(expected)) {
              throw new Error(
                `${fc.stringify(run)}: real ${JSON.stringify(expected)}, simulated ${JSON.stringify(found)}`,
              )
            }
          }
          const expected = realList(base).sort()
          const found = memoryList(disk, base).sort()
          if (found.join() !== expected.join())
            throw new Error(`real ${expected.join()}, simulated ${found.join()}`)
        } finally {
          for (const fd of real) await fs.close(fd)
          rmSync(own, { recursive: true })
        }
      },
    )
    const { failed, counterexample, errorInstance } = await fc.check(same, {
      numRuns: scale(100, 15_000, 2121),
    })
    t.false(failed, `${errorInstance}\n${fc.stringify(counterexample)}`)
  } finally {
    rmSync(top, { recursive: true })
  }
}

test('the disk in memory answers every sequence of calls as Linux does', async (t) => {
  await play(t, blockingFileSystem, (disk) => disk)
})

test('the disk in memory answers every sequence of calls that are made at once as Linux does', async (t) => {
  await play(t, atOnce(nodeFileSystem), atOnce)
})
