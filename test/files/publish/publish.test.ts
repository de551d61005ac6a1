import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import {
  blockingFileSystem,
  type Conflict,
  nodeFileSystem,
  type OpenFolder,
  type PublishOptions,
  publish,
  recoverPublish,
  recoverReplaced,
  type StandingFile,
  Tree,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import type { MemoryDiskOptions } from '../../../lib/testing/disk/memory-store.js'
import { everybodyIsDead } from '../../helpers/asides.js'

const CRASH = { durability: 'crash' } as const

async function opened(options?: MemoryDiskOptions): Promise<{ disk: MemoryDisk; d: OpenFolder; tree: Tree }> {
  const disk = new MemoryDisk(options)
  disk.put('/d/sub/n.part', 'new')
  const tree = await Tree.open('/d', { fs: disk })
  return { disk, tree, d: await tree.folder('sub') }
}

const give = (disk: MemoryDisk, d: OpenFolder, conflict: Conflict, more: Partial<PublishOptions> = {}) =>
  publish(disk, d, 'n.part', 'n.txt', { conflict, ...CRASH, ...more })

const names = (disk: MemoryDisk) =>
  [...disk.snapshot()]
    .filter(([path]) => path.startsWith('/d/'))
    .map(([path, text]) => `${path.slice(3)}=${text}`)

test('a free name is given, under every policy', async (t) => {
  for (const conflict of ['rename', 'overwrite', 'replace', 'skip', 'fail'] as const) {
    const { disk, d } = await opened()
    t.deepEqual(await give(disk, d, conflict), { how: 'created', name: 'n.txt' })
    t.deepEqual(names(disk), ['sub/n.txt=new'])
  }
})

test('a file gets no name that is ours, in our folder neither, nor the one that it has', async (t) => {
  const { disk, d, tree } = await opened()
  disk.put('/d/.sluice/n.part', 'new')
  const before = disk.list()
  const options = { conflict: 'overwrite', ...CRASH } as const
  for (const name of ['.sluice', '.SLUICE_1', '.sluice-lock', '.x.1-0-0-0-a.sluice-tmp', 'SLUICE~1'])
    await t.throwsAsync(publish(disk, d, 'n.part', name, options), {
      code: 'ERR_PATH',
      message: /Sluice itself/,
    })
  const own = await tree.folder('.sluice')
  await t.throwsAsync(publish(disk, own, 'n.part', 'n', options), { code: 'ERR_PATH' })
  for (const name of ['n.part', 'N.PART']) {
    const expected = { code: 'ERR_USAGE', message: /temporary must be another name than N?n?.*, which/ }
    await t.throwsAsync(publish(disk, d, 'n.part', name, options), expected)
    await t.throwsAsync(recoverPublish(disk, d, 'n.part', name, 'crash'), expected)
  }
  t.deepEqual(disk.list(), before)
})

test('a taken name is left alone: the new file gets the first free suffix', async (t) => {
  const { disk, d } = await opened()
  disk.put('/d/sub/n.txt', 'old')
  disk.putLink('/d/sub/n_1.txt', 'nowhere')
  disk.putFolder('/d/sub/n_2.txt')
  t.deepEqual(await give(disk, d, 'rename'), { how: 'renamed', name: 'n_3.txt' })
  t.deepEqual(names(disk), ['sub/n.txt=old', 'sub/n_3.txt=new'])
})

test('overwriting replaces files and links by one rename, and nothing else', async (t) => {
  const file = await opened()
  file.disk.put('/d/sub/n.txt', 'old')
  t.deepEqual(await give(file.disk, file.d, 'overwrite'), { how: 'replaced', name: 'n.txt' })
  t.deepEqual(names(file.disk), ['sub/n.txt=new'])

  const link = await opened()
  link.disk.put('/precious', 'mine')
  link.disk.putLink('/d/sub/n.txt', '/precious')
  t.is((await give(link.disk, link.d, 'overwrite')).how, 'replaced')
  t.is(link.disk.snapshot().get('/precious')!.toString(), 'mine')

  for (const put of ['putFolder', 'putPipe'] as const) {
    const { disk, d } = await opened()
    disk[put]('/d/sub/n.txt')
    const { warning, ...result } = await give(disk, d, 'overwrite')
    t.deepEqual(result, { how: 'renamed', name: 'n_1.txt' })
    t.is(warning?.code, 'ERR_CONFLICT')
    t.regex(warning!.message, /sub\/n\.txt stays as it was/)
  }
})

test('an overwrite that is not permitted falls back to the suffix with a warning', async (t) => {
  for (const error of ['EACCES', 'EPERM', 'EBUSY', 'EISDIR']) {
    const { disk, d } = await opened()
    disk.put('/d/sub/n.txt', 'old')
    disk.fail({ call: 'rename', error })
    const { how, warning } = await give(disk, d, 'overwrite')
    t.is(how, 'renamed')
    t.regex(warning!.message, new RegExp(error))
    t.deepEqual(names(disk), ['sub/n.txt=old', 'sub/n_1.txt=new'])
  }
})

test('replacing takes a folder away once the file stands, and follows no link in it', async (t) => {
  const { disk, d, tree } = await opened()
  disk.put('/precious/file', 'mine')
  disk.put('/d/sub/n.txt/deep/er/file', 'old')
  disk.putLink('/d/sub/n.txt/deep/link', '/precious')
  disk.hook = ({ call, path }) => {
    if (call === 'unlink' && path.includes('aside'))
      t.is(disk.snapshot().get('/d/sub/n.txt')?.toString(), 'new')
  }
  t.deepEqual(await give(disk, d, 'replace', { durability: 'power' }), { how: 'replaced', name: 'n.txt' })
  disk.hook = undefined
  t.deepEqual(
    disk.list().filter((path) => path.startsWith('/d/sub/')),
    ['/d/sub/', '/d/sub/n.txt'],
  )
  t.is(disk.snapshot().get('/precious/file')!.toString(), 'mine')
  d.release()
  await tree.close()
  t.deepEqual(disk.openHandles(), [])
})

test('a folder that cannot make room stays, or comes back', async (t) => {
  for (const [call, nth] of [
    ['rename', 1],
    ['rename', 2],
    ['mkdir', 1],
  ] as const) {
    for (const error of ['EACCES', 'EIO']) {
      const { disk, d } = await opened()
      disk.put('/d/sub/n.txt/file', 'old')
      disk.fail({ call, nth, error })
      const outcome = await give(disk, d, 'replace').catch((e: { code: string }) => e.code)
      if (error === 'EIO') t.is(outcome, 'ERR_WRITE')
      else t.like(outcome, { how: 'renamed', name: 'n_1.txt', warning: { code: 'ERR_CONFLICT' } })
      t.is(disk.snapshot().get('/d/sub/n.txt/file')!.toString(), 'old')
      t.false(disk.list().some((path) => path.includes('aside')))
    }
  }
})

test('what cannot be removed of a replaced folder is a warning', async (t) => {
  const { disk, d } = await opened()
  disk.put('/d/sub/n.txt/file', 'old')
  disk.fail({ call: 'unlink', path: /aside/, error: 'EACCES' })
  const { how, warning } = await give(disk, d, 'replace')
  t.is(how, 'replaced')
  t.is(warning?.code, 'ERR_PERMISSION')
  const ended = await recoverReplaced(disk, d, { system: everybodyIsDead })
  t.deepEqual(ended, { restored: [], removed: ['n.txt'], kept: [] })
  t.deepEqual(names(disk), ['sub/n.txt=new'])
})

test('skipping removes the temporary file, failing keeps it', async (t) => {
  const skip = await opened()
  skip.disk.put('/d/sub/n.txt', 'old')
  t.deepEqual(await give(skip.disk, skip.d, 'skip'), { how: 'skipped', name: 'n.txt' })
  t.deepEqual(names(skip.disk), ['sub/n.txt=old'])

  const fail = await opened()
  fail.disk.put('/d/sub/n.txt', 'old')
  const error = await t.throwsAsync(give(fail.disk, fail.d, 'fail'), { code: 'ERR_CONFLICT' })
  t.regex(error!.message, /sub\/n\.txt is taken/)
  t.deepEqual(names(fail.disk).sort(), ['sub/n.part=new', 'sub/n.txt=old'])
})

test('an older version is replaced under every policy, unless it has changed in the last moment', async (t) => {
  for (const conflict of ['rename', 'overwrite', 'replace', 'skip', 'fail'] as const) {
    const { disk, d } = await opened()
    disk.put('/d/sub/n.txt', 'old')
    t.deepEqual(await give(disk, d, conflict, { isOlder: () => true }), { how: 'replaced', name: 'n.txt' })
    t.deepEqual(names(disk), ['sub/n.txt=new'])
  }
  const { disk, d } = await opened()
  disk.put('/d/sub/n.txt', 'old')
  let asked = 0
  const isOlder = () => ++asked === 1
  t.deepEqual(await give(disk, d, 'rename', { isOlder }), { how: 'renamed', name: 'n_1.txt' })
  t.deepEqual(names(disk), ['sub/n.txt=old', 'sub/n_1.txt=new'])
})

test('under a suffix, too, an older version is replaced, and nothing else', async (t) => {
  const { disk, d } = await opened()
  disk.put('/d/sub/n.txt', 'of somebody else')
  disk.put('/d/sub/n_1.txt', 'old')
  const isOlder: PublishOptions['isOlder'] = (_there, name) => name === 'n_1.txt'
  t.deepEqual(await give(disk, d, 'rename', { isOlder }), { how: 'replaced', name: 'n_1.txt' })
  t.deepEqual(names(disk), ['sub/n.txt=of somebody else', 'sub/n_1.txt=new'])
})

test('identical content is found under every suffix, and asked for only of regular files', async (t) => {
  const { disk, d } = await opened()
  disk.putPipe('/d/sub/n.txt')
  disk.putLink('/d/sub/n_1.txt', '/precious')
  disk.putFolder('/d/sub/n_2.txt')
  disk.put('/d/sub/n_3.txt', 'other')
  disk.put('/d/sub/n_4.txt', 'new')
  const asked: string[] = []
  const isThere = async ({ path }: StandingFile) => {
    asked.push(path.slice(path.lastIndexOf('/') + 1))
    return path.endsWith('n_4.txt')
  }
  for (const durability of ['crash', 'power'] as const) {
    disk.put('/d/sub/n.part', 'new')
    t.deepEqual(await give(disk, d, 'rename', { isThere, durability }), {
      how: 'identical',
      name: 'n_4.txt',
    })
    t.deepEqual(asked.splice(0), ['n_3.txt', 'n_4.txt'])
    t.false(disk.snapshot().has('/d/sub/n.part'))
  }
})

test('what gets the name is the file that was written, as long as it was then, under every policy', async (t) => {
  for (const conflict of ['rename', 'overwrite', 'replace'] as const)
    for (const standing of ['nothing', 'a file', 'a folder'])
      for (const links of [true, false])
        for (const change of ['exchanged', 'longer']) {
          const { disk, d } = await opened({ links })
          const { ino, dev } = await disk.lstat('/d/sub/n.part')
          if (standing === 'a file') disk.put('/d/sub/n.txt', 'old')
          if (standing === 'a folder') disk.put('/d/sub/n.txt/inner', 'old')
          const before = names(disk).filter((name) => !name.startsWith('sub/n.part'))
          if (change === 'exchanged') disk.remove('/d/sub/n.part')
          disk.put('/d/sub/n.part', change === 'exchanged' ? 'evi' : 'new and more')
          const written = { ino, dev, size: 3 }
          await t.throwsAsync(give(disk, d, conflict, { written }), {
            code: 'ERR_WRITE',
            message: /exchanged/,
          })
          t.deepEqual(
            names(disk).filter((name) => !name.startsWith('sub/n.part')),
            before,
          )
        }
})

test('two that want one name both keep their content', async (t) => {
  for (const links of [true, false]) {
    const { disk, d } = await opened({ links })
    const some = Array.from({ length: 12 }, (_, i) => `${i}.part`)
    for (const part of some) disk.put(`/d/sub/${part}`, part)
    disk.delay = () => new Promise((resolve) => setImmediate(resolve))
    const all = await Promise.all(
      some.map((part) => publish(disk, d, part, 'x', { conflict: 'rename', ...CRASH })),
    )
    const files = disk.snapshot()
    all.forEach(({ name }, i) => {
      t.is(files.get(`/d/sub/${name}`)!.toString(), `${i}.part`)
    })
    t.is(new Set(all.map(({ name }) => name)).size, 12)
  }
})

test('without links, a name that somebody takes from the placeholder is theirs', async (t) => {
  const { disk, d } = await opened({ links: false })
  disk.hook = ({ call, path }) => {
    if (call === 'fstat' && path === '/d/sub/n.txt') disk.put('/d/sub/n.txt', 'theirs')
  }
  t.deepEqual(await give(disk, d, 'rename'), { how: 'renamed', name: 'n_1.txt' })
  t.deepEqual(names(disk).sort(), ['sub/n.txt=theirs', 'sub/n_1.txt=new'])
})

test('a name that comes and goes is asked for again', async (t) => {
  const { disk, d } = await opened()
  let times = 0
  disk.hook = ({ call }) => {
    if (call === 'link') disk.put('/d/sub/n.txt', 'theirs')
    if (call === 'lstat') disk.remove('/d/sub/n.txt')
    if (call === 'link' && ++times === 3) {
      disk.remove('/d/sub/n.txt')
      disk.hook = undefined
    }
  }
  t.deepEqual(await give(disk, d, 'rename'), { how: 'created', name: 'n.txt' })
  disk.put('/d/sub/n.part', 'more')
  disk.remove('/d/sub/n.txt')
  disk.hook = ({ call, to }) => {
    if (call === 'link' && to === '/d/sub/n.txt') disk.put('/d/sub/n.txt', 'theirs')
    if (call === 'lstat') disk.remove('/d/sub/n.txt')
  }
  t.deepEqual(await give(disk, d, 'rename'), { how: 'renamed', name: 'n_1.txt' })
})

test('the order of power: link, sync, unlink, sync', async (t) => {
  const { disk, d } = await opened()
  const order: string[] = []
  disk.hook = ({ call }) => {
    order.push(call)
  }
  await give(disk, d, 'rename', { durability: 'power' })
  t.deepEqual(order.splice(0), ['link', 'fsync', 'unlink', 'fsync'])
  disk.put('/d/sub/n.part', 'more')
  await give(disk, d, 'overwrite', { durability: 'power' })
  t.deepEqual(order.slice(order.indexOf('rename')), ['rename', 'fsync'])
})

test('with power, what stands there already is synced before it is acknowledged', async (t) => {
  const { disk, d } = await opened()
  disk.put('/d/sub/n.txt', 'new')
  const order: string[] = []
  disk.hook = ({ call, path }) => {
    if (call === 'fsync' || call === 'unlink') order.push(`${call} ${path}`)
  }
  await give(disk, d, 'rename', { durability: 'power', isThere: async () => true })
  t.deepEqual(order, ['fsync /d/sub/n.txt', 'fsync /d/sub', 'unlink /d/sub/n.part', 'fsync /d/sub'])
})

test('a call that was done although it failed is believed by what it left', async (t) => {
  for (const [call, conflict, how] of [
    ['link', 'rename', 'created'],
    ['rename', 'overwrite', 'replaced'],
  ] as const) {
    const { disk, d } = await opened()
    if (how === 'replaced') disk.put('/d/sub/n.txt', 'old')
    disk.fail({ call, error: 'EIO', after: true })
    t.deepEqual(await give(disk, d, conflict), { how, name: 'n.txt' })
    t.deepEqual(names(disk), ['sub/n.txt=new'])
  }
})

test('nothing is acknowledged before its name is synced; what follows is a warning', async (t) => {
  const first = await opened()
  first.disk.fail({ call: 'fsync', error: 'EIO' })
  await t.throwsAsync(give(first.disk, first.d, 'rename', { durability: 'power' }), { code: 'ERR_WRITE' })
  // published again by a handle of which no sync has failed, it goes on where it stopped
  const again = await Tree.open('/d', { fs: first.disk })
  t.deepEqual(await give(first.disk, await again.folder('sub'), 'rename', { durability: 'power' }), {
    how: 'created',
    name: 'n.txt',
  })
  t.deepEqual(names(first.disk), ['sub/n.txt=new'])

  const second = await opened()
  second.disk.fail({ call: 'fsync', nth: 2, error: 'EIO' })
  t.like(await give(second.disk, second.d, 'rename', { durability: 'power' }), {
    how: 'created',
    warning: { code: 'ERR_WRITE' },
  })

  const left = await opened()
  left.disk.fail({ call: 'unlink', error: 'EIO' })
  t.like(await give(left.disk, left.d, 'rename'), { how: 'created', warning: { code: 'ERR_WRITE' } })
})

test('recovery ends what stopped between link and unlink', async (t) => {
  for (const durability of ['crash', 'power'] as const) {
    const { disk, d } = await opened()
    t.is(await recoverPublish(disk, d, 'n.part', 'n.txt', durability), 'pending')
    await disk.link('/d/sub/n.part', '/d/sub/n.txt')
    t.is(await recoverPublish(disk, d, 'n.part', 'other', durability), 'pending')
    disk.fail({ call: 'lstat', error: 'EIO' })
    await t.throwsAsync(recoverPublish(disk, d, 'n.part', 'n.txt', durability), { code: 'ERR_WRITE' })
    t.is(await recoverPublish(disk, d, 'n.part', 'n.txt', durability), 'published')
    t.is(await recoverPublish(disk, d, 'n.part', 'n.txt', durability), 'missing')
    t.deepEqual(names(disk), ['sub/n.txt=new'])
    disk.putLink('/d/sub/n.part', 'n.txt')
    t.is(await recoverPublish(disk, d, 'n.part', 'n.txt', durability), 'pending')
  }
})

test('on the real disk it is the same', async (t) => {
  for (const fs of [nodeFileSystem, blockingFileSystem]) {
    const top = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-publish-')))
    try {
      const tree = await Tree.open(top, { fs })
      const d = await tree.folder('')
      const put = (text: string) => writeFileSync(join(top, 'n.part'), text)
      put('1')
      t.is((await publish(fs, d, 'n.part', 'n', { conflict: 'rename', durability: 'power' })).how, 'created')
      put('2')
      t.is((await publish(fs, d, 'n.part', 'n', { conflict: 'rename', durability: 'power' })).name, 'n_1')
      put('3')
      t.is(
        (await publish(fs, d, 'n.part', 'n', { conflict: 'overwrite', durability: 'power' })).how,
        'replaced',
      )
      await tree.makeFolder('f')
      await tree.makeFolder('f/g')
      writeFileSync(join(top, 'f/g/h'), 'h')
      put('4')
      t.is(
        (await publish(fs, d, 'n.part', 'f', { conflict: 'replace', durability: 'power' })).how,
        'replaced',
      )
      t.deepEqual(readdirSync(top).sort(), ['f', 'n', 'n_1'])
      t.is(readFileSync(join(top, 'n'), 'utf8') + readFileSync(join(top, 'f'), 'utf8'), '34')
      t.is(statSync(join(top, 'n_1')).nlink, 1)
      d.release()
      await tree.close()
    } finally {
      rmSync(top, { recursive: true })
    }
  }
})

test('what may be overwritten is asked of the very file that has the name in that moment', async (t) => {
  for (const conflict of ['overwrite', 'replace'] as const) {
    const { disk, d } = await opened()
    disk.put('/d/sub/n.txt', 'old')
    const asked: bigint[] = []
    const published = await give(disk, d, conflict, {
      replacing: async ({ ino }, replace) => {
        asked.push(ino)
        if (asked.length === 2) return false
        disk.remove('/d/sub/n.txt')
        disk.put('/d/sub/n.txt', 'other')
        await replace()
        return true
      },
    })
    t.like(published, { how: 'renamed', name: 'n_1.txt', warning: { code: 'ERR_CONFLICT' } })
    t.deepEqual(names(disk), ['sub/n.txt=other', 'sub/n_1.txt=new'])
    t.is(new Set(asked).size, 2)
  }
})
