import test from 'ava'
import {
  type OpenFolder,
  publish,
  recoverReplaced,
  removeOrphans,
  removeTree,
  Tree,
} from '../../../lib/files/index.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import { asideName } from '../../../lib/files/own/temporary-name.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { deadAside } from '../../helpers/asides.js'
import { giveTo } from '../../helpers/users.js'

const NOTHING = { restored: [], removed: [], kept: [] }

async function opened(): Promise<{ disk: MemoryDisk; d: OpenFolder }> {
  const disk = new MemoryDisk()
  disk.putFolder('/d/sub')
  const tree = await Tree.open('/d', { fs: disk })
  return { disk, d: await tree.folder('sub') }
}

test('a file of another disk, which only has the number of the new one, costs no folder', async (t) => {
  const { disk, d } = await opened()
  disk.put('/d/sub/n.txt', 'of another disk')
  const { dev, ino } = await disk.lstat('/d/sub/n.txt')
  const aside = deadAside(ino)
  disk.put(`/d/sub/${aside}/n.txt/file`, 'old')
  const lstat = disk.lstat.bind(disk)
  let isMounted = true
  disk.lstat = async (path) => {
    const stats = await lstat(path)
    return isMounted && stats.ino === ino ? Object.assign(Object.create(stats), { dev: dev + 1n }) : stats
  }
  t.deepEqual(await recoverReplaced(disk, d), { restored: [], removed: [], kept: [`${aside}/n.txt`] })
  t.is(disk.snapshot().get(`/d/sub/${aside}/n.txt/file`)!.toString(), 'old')
  isMounted = false
  t.deepEqual(await recoverReplaced(disk, d), { restored: [], removed: ['n.txt'], kept: [] })
})

test('recovery brings a folder back, or leaves it where a stranger took its name', async (t) => {
  const { disk, d } = await opened()
  const aside = deadAside(0xfffen)
  disk.put(`/d/sub/${deadAside(0xffffn)}/n.txt/file`, 'old')
  disk.put(`/d/sub/${aside}/taken/file`, 'old')
  disk.put('/d/sub/taken', 'by a stranger')
  disk.putFolder(`/d/sub/${deadAside(1n)}`)
  disk.putLink(`/d/sub/${deadAside(2n)}`, '/precious')
  const kept = [`${aside}/taken`]
  t.deepEqual(await recoverReplaced(disk, d), { restored: ['n.txt'], removed: [], kept })
  disk.remove('/d/sub/taken')
  disk.fail({ call: 'rename', error: 'EACCES' })
  t.deepEqual((await recoverReplaced(disk, d)).kept, kept)
  t.deepEqual(await recoverReplaced(disk, d), { restored: ['taken'], removed: [], kept: [] })
  t.is(disk.snapshot().get('/d/sub/n.txt/file')!.toString(), 'old')
})

test('a replacement that is going on is left alone, whenever somebody recovers', async (t) => {
  const { disk, d } = await opened()
  disk.put('/d/sub/n.part', 'new')
  disk.put('/d/sub/n.txt/deep/file', 'old')
  let looks = 0
  disk.delay = async () => {
    const { delay } = disk
    disk.delay = undefined
    const { replaced } = await removeOrphans('/d', { fs: disk, recursive: true })
    t.deepEqual([replaced, await recoverReplaced(disk, d)], [[], NOTHING])
    looks++
    disk.delay = delay
  }
  const published = publish(disk, d, 'n.part', 'n.txt', { conflict: 'replace', durability: 'power' })
  t.deepEqual(await published, { how: 'replaced', name: 'n.txt' })
  t.true(looks > 10)
  const left = disk.list().filter((path) => path.startsWith('/d/sub/'))
  t.deepEqual(left, ['/d/sub/', '/d/sub/n.txt'])
})

test('what belongs to a process that cannot be looked at is ended only where somebody knows that it is dead', async (t) => {
  const { disk, d } = await opened()
  const aside = asideName(1n, { ...thisOwner(), host: 'abc' })
  disk.put(`/d/sub/${aside}/n.txt/file`, 'old')
  t.deepEqual(await recoverReplaced(disk, d), NOTHING)
  t.deepEqual(await recoverReplaced(disk, d, { asides: [] }), NOTHING)
  t.deepEqual((await recoverReplaced(disk, d, { asides: [aside] })).restored, ['n.txt'])
})

test('what has the name of a folder aside and is another user’s is neither listed nor touched', async (t) => {
  const { disk, d } = await opened()
  const [ours, theirs] = [deadAside(1n), deadAside(2n)]
  for (const aside of [ours, theirs]) disk.put(`/d/sub/${aside}/${aside === ours ? 'a' : 'b'}/file`, 'old')
  await giveTo(disk, `/d/sub/${theirs}`, 7)
  const { replaced } = await removeOrphans('/d', { fs: disk, recursive: true, dryRun: true })
  t.deepEqual(replaced, [`/d/sub/${ours}`])
  t.deepEqual(await recoverReplaced(disk, d, { asides: [ours, theirs] }), {
    restored: ['a'],
    removed: [],
    kept: [],
  })
  t.true(disk.snapshot().has(`/d/sub/${theirs}/b/file`))
})

test('a folder is removed without following links, and what cannot be removed is said', async (t) => {
  for (const platform of ['linux', 'darwin'] as const) {
    const disk = new MemoryDisk({ platform })
    disk.put('/precious/file', 'mine')
    disk.put('/x/y/z/file')
    disk.put('/x/keep')
    disk.putLink('/x/y/link', '/precious')
    disk.fail({ call: 'unlink', path: '/x/keep', error: 'EPERM' })
    await t.throwsAsync(removeTree(disk, '/x'), { code: 'EPERM' })
    t.deepEqual(
      disk.list().filter((path) => path.startsWith('/x')),
      ['/x/', '/x/keep'],
    )
    disk.hook = ({ call, path }) => {
      if (call !== 'open' || path !== '/x') return
      disk.move('/x', '/moved')
      disk.put('/x/stranger')
      disk.hook = undefined
    }
    await t.throwsAsync(removeTree(disk, '/x'), { code: 'EBUSY' })
    t.true(disk.list().includes('/x/stranger'))
    await removeTree(disk, '/x')
    t.true(disk.snapshot().has('/precious/file'))
    t.deepEqual(disk.openHandles(), [])
  }
})
