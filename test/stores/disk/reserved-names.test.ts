import test from 'ava'
import type { SluiceError } from '../../../lib/errors.js'
import { foldName } from '../../../lib/files/disk/names.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'

async function receive(files: Parameters<typeof arrivingOf>[0], disk: MemoryDisk) {
  const warnings: SluiceError[] = []
  const warn = (warning: SluiceError) => void warnings.push(warning)
  const { outcomes, error } = await receiveItems(arrivingOf(files), {
    dir: '/dst',
    fs: disk,
    warn,
    symlinks: 'keep',
    conflict: 'overwrite',
  })
  return { outcomes: statuses(outcomes), error, warnings }
}

test('nothing of a peer lands in what is ours: it has another name, and that is said', async (t) => {
  const journal = `${'a'.repeat(32)}.journal`
  for (const own of ['.sluice', '.SLUICE', '.\u017fluice', 'SLUICE~1']) {
    const disk = new MemoryDisk({ fold: foldName })
    disk.putFolder('/dst')
    disk.putFolder('/dst/d/.sluice', 0o700)
    const stored = `_${own.replace('~', '_')}`
    const { outcomes, error, warnings } = await receive(
      { [own]: null, [`${own}/${journal}`]: 'forged', [`d/${own}/${journal}`]: 'forged', 'd/plain': 'x' },
      disk,
    )
    t.is(error, undefined)
    t.deepEqual(outcomes, {
      [own]: `published as ${stored}`,
      [`${own}/${journal}`]: `published as ${stored}/${journal}`,
      [`d/${own}/${journal}`]: `published as d/${stored}/${journal}`,
      'd/plain': 'published',
    })
    t.is(disk.snapshot().get(`/dst/${stored}/${journal}`)?.toString(), 'forged')
    t.deepEqual(
      disk.list().filter((path) => path.startsWith('/dst/d/.sluice/')),
      ['/dst/d/.sluice/'],
    )
    t.deepEqual(
      warnings.map(({ code, path }) => [code, path]),
      [['ERR_PATH', own]],
    )
  }
})

test('nor do files and links that are called like what is ours, at any depth', async (t) => {
  const lock = '.sluice-lock-x'
  const temporary = '.report.1f-2-3a-4b-5c.sluice-tmp'
  const disk = new MemoryDisk()
  const { outcomes, error } = await receive(
    { [temporary]: '1', other: '2', 'a/b/.sluice': '3', 'a/.sluice_4': { target: 'b' }, [`a/${lock}`]: null },
    disk,
  )
  t.is(error, undefined)
  t.deepEqual(outcomes, {
    [temporary]: `published as _${temporary}`,
    other: 'published',
    'a/b/.sluice': 'published as a/b/_.sluice',
    'a/.sluice_4': 'published as a/_.sluice_4',
    [`a/${lock}`]: `published as a/_${lock}`,
  })
})

test('what has another name keeps out of the way of what is called so, and is found again', async (t) => {
  const disk = new MemoryDisk()
  const files = { '.sluice': 'ours', '_.sluice': 'theirs', '_.sluice.part': 'a part', '.sluice.part': 'too' }
  const first = await receive(files, disk)
  t.is(first.error, undefined)
  const content = [...disk.snapshot()].map(([path, bytes]) => [path, bytes.toString()])
  t.deepEqual(content.map(([, text]) => text).sort(), ['a part', 'ours', 'theirs', 'too'])
})
