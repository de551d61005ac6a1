import test from 'ava'
import { removeOrphans } from '../../../lib/files/index.js'
import { processSystem } from '../../../lib/files/own/owner.js'
import type { FinalizerOptions } from '../../../lib/stages/finalizer.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'

function disk(crashes = false): MemoryDisk {
  const disk = new MemoryDisk({ crashes })
  disk.putFolder('/dst/d')
  disk.putFolder('/dst/d/folder')
  disk.put('/dst/d/file', 'mine')
  disk.putLink('/dst/d/link', 'elsewhere')
  disk.putLink('/dst/d/same', 'b')
  return disk
}

const LINKS = {
  'd/file': { target: 'b' },
  'd/folder': { target: 'b' },
  'd/link': { target: 'b' },
  'd/same': { target: 'b' },
}

async function receive(to: MemoryDisk, options: FinalizerOptions = {}) {
  const received = await receiveItems(arrivingOf(LINKS), {
    dir: '/dst',
    fs: to,
    symlinks: 'keep',
    ...options,
  })
  return { ...received, found: statuses(received.outcomes) }
}

const SUFFIXED = { 'd/file': 'published as d/file_1', 'd/link': 'published as d/link_1' }
const LEFT = 'skipped conflict ERR_SKIPPED'
const OVER = {
  'd/file': 'published',
  'd/link': 'published',
  'd/folder': 'published as d/folder_1 ERR_CONFLICT',
}

for (const [conflict, expected] of [
  ['rename', { ...SUFFIXED, 'd/folder': 'published as d/folder_1' }],
  ['overwrite', OVER],
  ['replace', OVER],
  ['skip', { 'd/file': LEFT, 'd/folder': LEFT, 'd/link': LEFT }],
  [
    'fail',
    { 'd/file': 'failed ERR_CONFLICT', 'd/folder': 'failed ERR_CONFLICT', 'd/link': 'failed ERR_CONFLICT' },
  ],
] as const) {
  test(`with conflict '${conflict}' a taken name is taken for links as for files, but for folders`, async (t) => {
    const to = disk()
    const warnings: string[] = []
    const { found, error } = await receive(to, { conflict, warn: ({ code }) => warnings.push(code) })
    t.deepEqual(found, { ...expected, 'd/same': 'skipped identical' })
    t.is(error?.code, conflict === 'fail' ? 'ERR_FILES_FAILED' : undefined)
    const isOver = expected === OVER
    t.deepEqual(warnings, isOver ? ['ERR_CONFLICT'] : [])
    t.is(to.list().includes('/dst/d/link -> b'), isOver)
    t.is(to.list().includes('/dst/d/file -> b'), isOver)
    t.true(to.list().includes('/dst/d/folder/'))
    t.deepEqual(
      to.list().filter((path) => path.includes('sluice')),
      [],
    )
    t.deepEqual(to.openHandles(), [])
  })
}

test('a link that cannot take the place of a file leaves it, and nothing of its own', async (t) => {
  const to = disk()
  to.fail({ call: 'rename', path: /sluice-tmp/, error: 'EIO', once: false })
  const { found } = await receive(to, { conflict: 'overwrite' })
  t.is(found['d/file'], 'failed ERR_WRITE')
  t.is(to.snapshot().get('/dst/d/file')?.toString(), 'mine')
  t.false(to.list().some((path) => path.includes('sluice')))
})

test('a link whose process is killed before it takes the place of a file is collected as its files are', async (t) => {
  const to = disk()
  const before = to.list()
  // what a call cannot remove that fails stays as it does after a kill
  to.fail({ call: 'rename', path: /sluice-tmp/, error: 'EIO', once: false })
  to.fail({ call: 'unlink', path: /sluice-tmp/, error: 'EIO', once: false })
  await receive(to, { conflict: 'overwrite' })
  to.heal()
  t.is(to.list().filter((path) => path.includes('.sluice-tmp -> b')).length, 2)
  const system = { ...processSystem, isAlive: () => false }
  await removeOrphans('/dst', { fs: to, system, recursive: true, now: () => Number.MAX_VALUE })
  t.deepEqual(
    to.list().filter((path) => !path.includes('folder_1')),
    before,
  )
})

test("with 'power' a link stands when it has been told of", async (t) => {
  const to = disk(true)
  const links = (one: MemoryDisk) => one.list().filter((path) => path.endsWith('-> b'))
  let told = 0
  const onOutcome = (outcomes: readonly { path: string }[]) => {
    if (!outcomes.some(({ path }) => path in LINKS)) return
    told++
    for (let seed = 0; seed < 30; seed++) t.is(links(to.crash(seed)).length, 4, `outcome ${seed}`)
  }
  const { error } = await receive(to, { conflict: 'rename', durability: 'power', onOutcome })
  t.is(error, undefined)
  t.is(told, 1)
})
