import test from 'ava'
import type { FinalizerOptions } from '../../../lib/stages/finalizer.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf, type Content, MTIME } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'

async function receive(disk: MemoryDisk, files: Content, options: FinalizerOptions = {}, run?: number) {
  const { outcomes, error } = await receiveItems(arrivingOf(files, { run }), {
    dir: '/dst',
    fs: disk,
    ...options,
  })
  if (disk.openHandles().length > 0) throw new Error(`open: ${disk.openHandles().join()}`)
  return { found: statuses(outcomes), error }
}

/** Files that stand there, with the time that all have that are sent. */
async function scene(standing: Record<string, string>, seconds = Math.floor(MTIME) / 1000) {
  const disk = new MemoryDisk()
  disk.putFolder('/dst')
  for (const [path, content] of Object.entries(standing)) {
    disk.put(`/dst/${path}`, content)
    const fd = await disk.open(`/dst/${path}`, 2)
    await disk.futimes(fd, seconds, seconds)
    await disk.close(fd)
  }
  return disk
}

const FILES = { 'd/a': 'aaa', 'd/b': 'bbb', 'd/c': 'ccc' }

for (const unless of ['unchanged', 'newer'] as const)
  for (const run of [undefined, 1])
    test(`unless ${unless}: what an earlier run gave a suffix is there, and nothing is written${run ? ', one by one' : ''}`, async (t) => {
      const disk = await scene({ 'd/a': 'mine, older' }, 1000)
      const first = await receive(disk, FILES, { unless }, run)
      t.is(first.found['d/a'], 'published as d/a_1')
      for (let times = 0; times < 3; times++) {
        const made: string[] = []
        disk.hook = ({ call, path }) => {
          if (call === 'open' && path.endsWith('.part')) made.push(path)
        }
        const again = await receive(disk, FILES, { unless }, run)
        t.deepEqual(again.found, {
          'd/a': `skipped as d/a_1 ${unless}`,
          'd/b': `skipped ${unless}`,
          'd/c': `skipped ${unless}`,
        })
        t.deepEqual(made, [])
      }
      t.deepEqual(
        disk.list().filter((path) => path.startsWith('/dst/d/')),
        ['/dst/d/', '/dst/d/a', '/dst/d/a_1', '/dst/d/b', '/dst/d/c'],
      )
    })

test('of a file with a suffix a later time says nothing', async (t) => {
  const disk = await scene({ 'd/a': 'mine', 'd/a_1': 'mine, too' }, 9_999_999_999)
  const { found } = await receive(disk, FILES, { unless: 'newer' })
  t.is(found['d/a'], 'skipped newer')
  const fd = await disk.open('/dst/d/a', 2)
  await disk.futimes(fd, 1000, 1000)
  await disk.close(fd)
  t.is((await receive(disk, FILES, { unless: 'newer' })).found['d/a'], 'published as d/a_2')
})

test('where a policy overwrites, only the very name counts', async (t) => {
  const disk = await scene({ 'd/a_1': 'aaa', 'd/a': 'old' }, MTIME / 1000)
  const { found } = await receive(disk, { 'd/a': 'aaaa' }, { unless: 'unchanged', conflict: 'overwrite' })
  t.deepEqual(found, { 'd/a': 'published' })
})

/** What keeps anything from being written: a folder, or the whole disk. */
const REFUSALS = {
  'a folder that may not be written to': { call: 'open', path: /\.part$/, error: 'EACCES', once: false },
  'a disk that is read-only': { call: 'mkdir', path: /\.sluice/, error: 'EROFS', once: false },
} as const

for (const [where, failure] of Object.entries(REFUSALS))
  for (const unless of ['identical', 'unchanged', 'newer'] as const)
    for (const run of [undefined, 1])
      test(`${where}: what stands there already is there, unless ${unless}${run ? ', one by one' : ''}`, async (t) => {
        const disk = await scene({ ...FILES, 'd/b': 'mine', 'd/b_1': 'bbb', 'd/b_2': 'bbc', 'd/empty': '' })
        disk.fail(failure)
        const before = disk.list()
        const { found, error } = await receive(disk, { ...FILES, 'd/empty': '' }, { unless }, run)
        t.is(error, undefined)
        const name = unless === 'newer' ? '' : 'as d/b_1 '
        t.deepEqual(found, {
          'd/a': `skipped ${unless}`,
          'd/b': `skipped ${name}${unless}`,
          'd/c': `skipped ${unless}`,
          'd/empty': `skipped ${unless}`,
        })
        t.deepEqual(disk.list(), before)
      })

test('what does not stand there fails with the reason why nothing can be written', async (t) => {
  for (const [where, failure] of Object.entries(REFUSALS))
    for (const run of [undefined, 1]) {
      const disk = await scene({ ...FILES, 'd/b': 'xbb' })
      disk.fail(failure)
      const { found, error } = await receive(disk, FILES, {}, run)
      const isAll = where.includes('disk')
      if (isAll) t.like(error, { code: 'ERR_READ_ONLY' })
      else
        t.deepEqual(found, {
          'd/a': 'skipped identical',
          'd/b': 'failed ERR_PERMISSION',
          'd/c': 'skipped identical',
        })
    }
})

test('a file that changes while it is compared is not there', async (t) => {
  const disk = await scene(FILES)
  disk.fail({ call: 'open', path: /\.part$/, error: 'EACCES', once: false })
  let reads = 0
  disk.hook = ({ call }) => {
    if (call === 'read' && ++reads === 2) disk.put('/dst/d/a', 'other')
  }
  const { found } = await receive(disk, FILES)
  t.is(found['d/a'], 'failed ERR_PERMISSION')
})

test('of files of one size that differ at once only the beginning is read', async (t) => {
  const size = 3_000_000
  const standing = Object.fromEntries(
    Array.from({ length: 20 }, (_, n) => [`x${n ? `_${n}` : ''}`, String(n).padEnd(size, '.')]),
  )
  const disk = await scene(standing)
  let read = 0
  disk.hook = ({ call }) => {
    if (call === 'read') read++
  }
  const { found } = await receive(disk, { x: 'new'.padEnd(size, '.') })
  t.deepEqual(found, { x: 'published as x_20' })
  t.is(read, 2 * 20)
})
