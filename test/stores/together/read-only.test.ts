import test from 'ava'
import type { FinalizerOptions } from '../../../lib/stages/finalizer.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf, type Content, MTIME } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'

// What is published together where nothing can be staged: all of it may stand there already.

/** What keeps our folder from being made: the mode of the folder around it, or a disk that is read-only. */
const REFUSALS = { EACCES: 'ERR_PERMISSION', EROFS: 'ERR_READ_ONLY' } as const
const CODES = Object.keys(REFUSALS) as (keyof typeof REFUSALS)[]

const TREE = {
  d: null,
  'd/a': 'aaa',
  'd/b': 'bbb',
  'd/deep': null,
  'd/deep/c': Buffer.alloc(9000, 'c'),
  'd/empty': '',
  'd/link': { target: 'a' },
} satisfies Content

/** A folder in which nothing can be made, but in the folders in it. */
async function scene(error: keyof typeof REFUSALS) {
  const disk = new MemoryDisk()
  const stands = { 'd/a': 'aaa', 'd/b': 'mine', 'd/b_1': 'bbb', 'd/deep/c': 'c'.repeat(9000), 'd/empty': '' }
  for (const [path, content] of Object.entries(stands)) {
    disk.put(`/dst/${path}`, content)
    const fd = await disk.open(`/dst/${path}`, 2)
    await disk.futimes(fd, Math.floor(MTIME) / 1000, Math.floor(MTIME) / 1000)
    await disk.close(fd)
  }
  disk.putLink('/dst/d/link', 'a')
  disk.fail({ call: 'mkdir', path: /^\/dst\/\.sluice/, error, once: false })
  const before = disk.list()
  const receive = async (content: Content, options: FinalizerOptions = {}, run?: number) => {
    const all = { dir: '/dst', fs: disk, publish: 'together', symlinks: 'keep', ...options } as const
    const { outcomes, error } = await receiveItems(arrivingOf(content, { run }), all)
    return { found: statuses(outcomes), error }
  }
  return { disk, before, receive }
}

for (const code of CODES)
  for (const unless of ['identical', 'unchanged', 'newer'] as const)
    for (const run of [undefined, 1])
      test(`${code}: what stands there already is there, unless ${unless}${run ? ', one by one' : ''}`, async (t) => {
        const { disk, before, receive } = await scene(code)
        const { found, error } = await receive(TREE, { unless }, run)
        t.is(error, undefined)
        const name = unless === 'newer' ? '' : 'as d/b_1 '
        t.deepEqual(found, {
          d: 'skipped identical',
          'd/a': `skipped ${unless}`,
          'd/b': `skipped ${name}${unless}`,
          'd/deep': 'skipped identical',
          'd/deep/c': `skipped ${unless}`,
          'd/empty': `skipped ${unless}`,
          'd/link': 'skipped identical',
        })
        t.deepEqual(disk.list(), before)
        t.deepEqual(disk.openHandles(), [])
      })

const MISSING: Record<string, Content> = {
  'a file': { 'd/new': 'new' },
  'an empty file': { 'd/new': '' },
  'other content of a file': { 'd/a': 'xxx' },
  'a folder': { 'd/new': null },
  'a link': { 'd/new': { target: 'a' } },
  'where a link leads': { 'd/link': { target: 'b' } },
}

for (const code of CODES)
  for (const [what, content] of Object.entries(MISSING))
    test(`${code}: ${what} that does not stand there fails all of it with the reason, and nothing is made`, async (t) => {
      const { disk, before, receive } = await scene(code)
      const { found, error } = await receive({ 'd/deep/c': TREE['d/deep/c'], ...content })
      if (error?.code !== REFUSALS[code]) {
        const [missing] = Object.keys(content)
        t.is(found[missing!], `failed ${REFUSALS[code]}`)
        t.is(found['d/deep/c'], 'failed ERR_TOGETHER')
      }
      t.deepEqual(disk.list(), before)
      t.deepEqual(disk.openHandles(), [])
    })

test('with unless nothing all is to be written, so that it fails', async (t) => {
  const { disk, before, receive } = await scene('EACCES')
  const { error } = await receive({ 'd/a': 'aaa' }, { unless: 'nothing' })
  t.truthy(error)
  t.deepEqual(disk.list(), before)
})
