import { Transform } from 'node:stream'
import test from 'ava'
import type { FileStats } from '../../../lib/files/disk/fs.js'
import { foldName } from '../../../lib/files/disk/names.js'
import type { Item } from '../../../lib/stages/river/items.js'
import { AcknowledgedFiles } from '../../../lib/stores/disk/acknowledged-files.js'
import { diskParts } from '../../../lib/stores/disk/disk-store.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import type { MemoryDiskOptions } from '../../../lib/testing/disk/memory-store.js'
import { POLICY } from '../../helpers/claims-scene.js'
import { arrivingOf, type Content, type ItemOptions, offerOf } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'
import { scale } from '../../helpers/scale.js'
import { growth } from '../../helpers/turns.js'

// What a transfer has acknowledged is no old version to another file of it, under every policy that overwrites.

async function receive(
  files: Content,
  conflict: 'overwrite' | 'replace' | 'rename',
  disk: MemoryDisk,
  options: ItemOptions & { concurrency?: number } = {},
  between: Transform[] = [],
) {
  const items = arrivingOf(files, options)
  const { outcomes, error } = await receiveItems(
    items,
    { dir: '/dst', fs: disk, conflict, symlinks: 'keep', ...options },
    between,
  )
  return { error, outcomes, found: statuses(outcomes) }
}

function scene(standing: Record<string, string | null> = {}, options: MemoryDiskOptions = {}): MemoryDisk {
  const disk = new MemoryDisk(options)
  disk.putFolder('/dst')
  for (const [path, content] of Object.entries(standing))
    if (content === null) disk.putFolder(`/dst/${path}`)
    else disk.put(`/dst/${path}`, content)
  return disk
}

const contents = (disk: MemoryDisk) => [...disk.snapshot().values()].map(String)

const of = (...paths: string[]): Content =>
  Object.fromEntries(paths.map((path) => [path, `content of ${path}`]))

/** Names that one disk or another takes for one, and names that a suffix may make of others. */
const SETS: Record<string, Content> = {
  case: of('a.txt', 'A.TXT', 'A.txt'),
  'normal forms': of('\u00e9', 'e\u0301'),
  'sharp s': of('stra\u00dfe', 'STRASSE', 'strasse'),
  'the sign for kelvin': of('k', '\u212a', 'K'),
  ligatures: of('ffi', '\ufb03'),
  'i without a dot': of('I', 'i', '\u0131', '\u0130'),
  parts: of('x', 'X.PART', 'x.Part'),
  'names of ours': of('.SLUICE/a', '.sluice/b', '.\u017fluice/a', '_.sluice/a'),
  folders: of('D/x', 'd/x', 'd/X'),
  'a file and a folder': of('d', 'D/x'),
  'a folder and a file': of('D/x', 'd'),
  'a suffix': of('folder', 'folder_1', 'folder_1_1'),
  'a suffix of a folder': of('file/x', 'file_1/x', 'file_1/X'),
  'a file called like a folder with a suffix': of('file/x', 'file_1'),
}

/** A disk that ignores case, and one that does not, with what comes as cuts, as runs, or may not be written to. */
const KINDS = [{}, { run: 4 }, { mode: 0o400 }].flatMap((options) =>
  [foldName, undefined].map((fold) => ({ fold, options })),
)

for (const [row, conflict] of (['overwrite', 'replace', 'rename'] as const).entries())
  for (const [column, [name, files]] of Object.entries(SETS).entries())
    test(`each acknowledged file is there in the end, conflict ${conflict}: ${name}`, async (t) => {
      // the short run has each set in each way, but with one policy or two only
      for (const [kind, { fold, options }] of KINDS.entries()) {
        if ((row + column + kind) % scale(2, 1, 1) > 0) continue
        const disk = scene({ folder: null, 'folder/mine': 'mine', file: 'mine' }, { fold })
        const first = await receive(files, conflict, disk, options)
        t.is(first.error, undefined)
        // again, so that each of them is there already
        const second = await receive(files, conflict, disk, options)
        t.is(second.error, undefined)
        for (const content of Object.values(files)) t.true(contents(disk).includes(String(content)))
        t.true(Object.values(second.found).every((outcome) => !outcome.startsWith('failed')))
        if (conflict === 'rename')
          t.true(Object.values(second.found).every((outcome) => /^skipped .*identical/.test(outcome)))
      }
    })

test('a folder that nothing is in, too, and a link', async (t) => {
  for (const conflict of ['overwrite', 'replace'] as const) {
    const disk = scene({}, { fold: foldName })
    const files = { D: null, d: 'file', E: { target: 'd' }, e: { target: 'D' } }
    const { found, error } = await receive(files, conflict, disk)
    t.is(error, undefined)
    t.deepEqual(found, {
      D: 'published',
      d: 'published as d_1 ERR_CONFLICT',
      E: 'published',
      e: 'published as e_1 ERR_CONFLICT',
    })
    t.deepEqual(disk.list().sort(), ['/dst/', '/dst/D/', '/dst/E -> d', '/dst/d_1', '/dst/e_1 -> D'])
  }
})

test('what came over a connection before is no file of another entry that has its time', async (t) => {
  const disk = scene({ a: 'x', b: 'y' }, { fold: foldName })
  const store = diskParts({ dir: '/dst', fs: disk, durability: 'crash', handles: 16 })
  store.obey!({ ...POLICY, conflict: 'rename', unless: 'newer', brought: new Set(['a']) })
  const { entries } = offerOf({ A: 'x', b: 'y' }, { times: { A: 0, b: 0 } })
  t.deepEqual([...(await store.lookup!(entries)).indices], [1])
  await store.close!()
})

test('a file of another disk that is mounted below the folder is not taken for one that has its inode', async (t) => {
  const brought = new AcknowledgedFiles([], async () => undefined)
  const file = (dev: bigint, ino: bigint) => ({ path: `${dev}/${ino}`, stats: { dev, ino, nlink: 1 } })
  brought.add(file(1n, 7n).stats)
  t.true(brought.acknowledge(file(2n, 8n)))
  for (const [dev, ino, isBrought] of [
    [1n, 7n, true],
    [2n, 7n, false],
    [2n, 8n, true],
    [1n, 8n, false],
    // numbers that are alike in their lower bits
    [1n + (1n << 32n), 7n, false],
    [1n, 7n + (1n << 63n), false],
  ] as const) {
    t.is(brought.has(file(dev, ino)), isBrought)
    t.is(await brought.replacing(file(dev, ino), async () => {}), !isBrought)
  }
  const replaced = await brought.replacing(file(1n, 9n), async () => {
    t.false(brought.acknowledge(file(1n, 9n)), 'it is being overwritten')
    t.true(brought.acknowledge(file(2n, 9n)))
    t.true(await brought.replacing(file(3n, 9n), async () => {}))
  })
  t.true(replaced)
})

test('what came over connections before is looked at many at once, once, and others have their turn meanwhile', async (t) => {
  const disk = scene()
  for (let i = 0; i < 3000; i++) disk.put(`/dst/${i}`, '')
  const paths = [...Array(3000).keys()].map(String)
  const seen = { looks: 0, now: 0, most: 0 }
  const brought = new AcknowledgedFiles([...paths, 'gone'], async (path) => {
    seen.looks++
    seen.most = Math.max(seen.most, ++seen.now)
    // without a turn of the event loop, as a disk that is in memory
    const stats = await disk.lstat(`/dst/${path}`).catch(() => undefined)
    seen.now--
    return stats
  })
  const turns = growth(() => seen.looks)
  await Promise.all([brought.recall(), brought.recall()])
  t.true(turns.stop() <= 1000)
  t.is(seen.looks, 3001)
  t.is(seen.most, 8)
  for (const path of ['0', '2999']) t.true(brought.has({ path, stats: await disk.lstat(`/dst/${path}`) }))
})

test('nobody looks any further when the transfer has stopped, or at what cannot be looked at', async (t) => {
  const stop = new AbortController()
  let looks = 0
  const paths = Array.from({ length: 100 }, (_, i) => String(i))
  const stopped = new AcknowledgedFiles(
    paths,
    async () => {
      looks++
      stop.abort(new Error('stopped'))
      return undefined
    },
    stop.signal,
  )
  await t.throwsAsync(stopped.recall(), { message: 'stopped' })
  t.true(looks <= 8)
  const failing = new AcknowledgedFiles(paths, async () => {
    throw new Error('EACCES')
  })
  await t.throwsAsync(failing.recall(), { message: 'EACCES' })
})

/** On which one folder is another disk, where that has the number of another folder. */
class TwoDisks extends MemoryDisk {
  mounted: { ino: bigint; as: bigint } | undefined

  override lstat = async (path: string) => this.#seen(await super.lstat(path))
  override fstat = async (fd: number) => this.#seen(await super.fstat(fd))

  #seen(stats: FileStats): FileStats {
    const { ino, as } = this.mounted ?? {}
    return stats.ino === ino ? { ...stats, dev: 2n, ino: as! } : stats
  }
}

test('nor is a folder of another disk taken for one that something was brought into', async (t) => {
  const disk = new TwoDisks()
  for (const path of ['/dst', '/dst/a', '/dst/mount', '/dst/mount/folder']) disk.putFolder(path)
  const { ino: as } = await disk.lstat('/dst/a')
  const { ino } = await disk.lstat('/dst/mount/folder')
  disk.mounted = { ino, as }
  const { found } = await receive({ 'a/x': 'x', 'mount/folder': 'new' }, 'replace', disk)
  t.deepEqual(found, { 'a/x': 'published', 'mount/folder': 'published' })
})

test('what was there before is overwritten all the same, by the first that comes', async (t) => {
  const disk = scene({ a: 'old', 'd/x': 'old' }, { fold: foldName })
  const { found } = await receive({ A: 'first', a: 'second', d: 'file' }, 'replace', disk)
  t.deepEqual(found, { A: 'published', a: 'published as a_1 ERR_CONFLICT', d: 'published' })
  t.deepEqual(contents(disk).sort(), ['file', 'first', 'second'])
})

test('a file that is found there counts as acknowledged, but for other names that it has', async (t) => {
  const disk = scene({ a: 'same', one: 'linked' }, { fold: foldName })
  await disk.link('/dst/one', '/dst/other')
  const files = { a: 'same', A: 'different', one: 'linked', other: 'new' }
  const { found } = await receive(files, 'overwrite', disk, { concurrency: 1 })
  t.deepEqual(found, {
    a: 'skipped identical',
    A: 'published as A_1 ERR_CONFLICT',
    one: 'skipped identical',
    other: 'published',
  })
  t.deepEqual(contents(disk).sort(), ['different', 'linked', 'new', 'same'])
})

test('nor does a link take its place, where the folder has another name on disk than in the offer', async (t) => {
  const disk = scene({ '_.sluice/x': 'linked' })
  await disk.link('/dst/_.sluice/x', '/dst/other')
  const files = { '_.sluice/x': 'linked', '.sluice/x': { target: 'y' } }
  const { found } = await receive(files, 'overwrite', disk)
  t.deepEqual(found, {
    '_.sluice/x': 'skipped identical',
    '.sluice/x': 'published as _.sluice/x_1 ERR_CONFLICT',
  })
  t.deepEqual(disk.list().sort(), [
    '/dst/',
    '/dst/_.sluice/',
    '/dst/_.sluice/x',
    '/dst/_.sluice/x_1 -> y',
    '/dst/other',
  ])
})

test('files to which a stage of the user gives one name are all there', async (t) => {
  const disk = scene()
  const rename = new Transform({
    objectMode: true,
    transform(item: Item, _encoding, done) {
      if (item.kind !== 'run') return done(null, item)
      const cuts = item.cuts!.map((cut) => ({ ...cut, entry: { ...cut.entry, path: 'same' } }))
      done(null, { ...item, cuts })
    },
  })
  const { error } = await receive(of('a', 'b', 'c'), 'overwrite', disk, { inCuts: true }, [rename])
  t.is(error, undefined)
  t.deepEqual(contents(disk).sort(), ['content of a', 'content of b', 'content of c'])
})
