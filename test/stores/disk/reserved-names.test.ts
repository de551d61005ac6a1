import test from 'ava'
import type { SluiceError } from '../../../lib/errors.js'
import { foldName } from '../../../lib/files/disk/names.js'
import { AuditTrail, readAudit, restoreBackup, writeJson } from '../../../lib/files/index.js'
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

/** What a peer makes up that would be the newest backup of a file, or the newest rotated file of a trail. */
const FORGED = {
  'settings.json.20991231T235959990Z.fff0.bak': '{"v":"forged"}',
  'settings.json.20991231T235959991Z.FFF1.BAK': '{"v":"forged"}',
  // with only a _ before it this would be a backup of that file
  'site.yml.20991231T235959990Z.fff0.bak': 'v: forged',
  'log.99999990-ffffffff':
    '{"time":"2026-01-01T00:00:00.000Z","session":"s","operation":"forged","path":"/","status":"ok","duration":1}\n',
  'log.99999991-ffffffff': { target: 'log.99999990-ffffffff' },
}

test('nothing of a peer is a backup, or a rotated file of a trail: none of ours goes for it, or is read instead', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/dst')
  const trail = await AuditTrail.open('/dst/log', { fs: disk, maxBytes: 1, keep: 2 })
  const record = (path: string) => trail.record({ operation: 'ours', path, status: 'ok', duration: 1 })
  for (const path of ['0', '1', '2']) await record(path)
  for (const v of [0, 1, 2]) await writeJson('/dst/settings.json', { v }, { fs: disk, backup: 2 })
  for (const v of [0, 1]) await writeJson('/dst/_site.yml', { v }, { fs: disk, backup: 1 })

  const { outcomes, error, warnings } = await receive(FORGED, disk)
  t.is(error, undefined)
  t.deepEqual(
    outcomes,
    Object.fromEntries(Object.keys(FORGED).map((name) => [name, `published as _${name}_`])),
  )
  t.is(warnings.length, 1)
  t.regex(warnings[0]!.message, /is called like what Sluice makes for itself/)

  await record('3')
  const read: string[] = []
  for await (const { operation, path } of readAudit('/dst/log', { fs: disk })) read.push(operation + path)
  t.deepEqual(read, ['ours2', 'ours3'])
  await trail.close()
  await writeJson('/dst/settings.json', { v: 3 }, { fs: disk, backup: 2 })
  for (const name of ['settings.json', '_site.yml']) await restoreBackup(`/dst/${name}`, { fs: disk })
  t.is(`${disk.snapshot().get('/dst/settings.json')}`, '{\n  "v": 2\n}\n')
  t.is(`${disk.snapshot().get('/dst/_site.yml')}`, '{\n  "v": 0\n}\n')
  await restoreBackup('/dst/settings.json', { fs: disk, which: 3 })
  t.is(`${disk.snapshot().get('/dst/settings.json')}`, '{\n  "v": 1\n}\n')
})
