import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { OPEN } from '../../../lib/files/disk/fs.js'
import { partSink } from '../../../lib/stages/part-sink.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf, MTIME } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'

const modeOf = async (disk: MemoryDisk, path: string) => (await disk.lstat(path)).mode & 0o777

test('a folder that was there is told as there, and keeps its mode: no sender opens it to others', async (t) => {
  for (const own of [0o700, 0o750, 0o755]) {
    const disk = new MemoryDisk()
    disk.putFolder('/dst')
    await disk.mkdir('/dst/ssh', own)
    const files = { ssh: null, 'ssh/key': 'key', 'ssh/new': null }
    const modes = { ssh: 0o777, 'ssh/new': 0o777 }
    const { outcomes } = await receiveItems(arrivingOf(files, { modes }), { dir: '/dst', fs: disk })
    t.deepEqual(statuses(outcomes), {
      ssh: 'skipped identical',
      'ssh/key': 'published',
      'ssh/new': 'published',
    })
    t.is(await modeOf(disk, '/dst/ssh'), own)
    t.is(Math.floor((await disk.lstat('/dst/ssh')).mtimeMs), MTIME)
    t.is(await modeOf(disk, '/dst/ssh/new'), 0o777)
  }
})

test('what is made in the folder of a team is of the team: setgid stays, whatever the modes are', async (t) => {
  const disk = new MemoryDisk()
  await disk.mkdir('/dst')
  const team = await disk.open('/dst', OPEN.folder)
  await disk.fchown(team, 0, 50)
  await disk.fchmod(team, 0o2775)
  await disk.close(team)
  const files = { private: null, 'private/sub': null, 'private/sub/f': 'f', shared: null, shut: null }
  const modes = { private: 0o770, 'private/sub': 0o770, shared: 0o775, shut: 0o555 }
  await receiveItems(arrivingOf(files, { modes }), { dir: '/dst', fs: disk })
  for (const [path, mode] of Object.entries(modes)) {
    const stats = await disk.lstat(`/dst/${path}`)
    t.is(stats.mode & 0o7777, mode | 0o2000, path)
    t.is(stats.gid, 50, path)
  }
  t.is((await disk.lstat('/dst/private/sub/f')).mode & 0o7000, 0)
})

test('a folder that was there is not shut either', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/dst')
  await disk.mkdir('/dst/docs', 0o755)
  await receiveItems(arrivingOf({ docs: null }, { modes: { docs: 0o055 } }), { dir: '/dst', fs: disk })
  t.is(await modeOf(disk, '/dst/docs'), 0o755)
})

test("a folder that an interrupted transfer made has its mode when the next one has ended, and is its owner's", async (t) => {
  const files = { d: null, 'd/e': null, 'd/e/x': 'x', 'd/f': null, 'd/g': null }
  const modes = { d: 0o555, 'd/e': 0o777, 'd/f': 0o070, 'd/g': 0o500 }
  const disk = new MemoryDisk()
  disk.putFolder('/dst')
  const items = arrivingOf(files, { modes })
  await t.throwsAsync(
    pipeline(
      Readable.from(items),
      partSink({ dir: '/dst', fs: disk }),
      async (stored: AsyncIterable<{ kind: string }>) => {
        for await (const { kind } of stored) if (kind === 'end') throw new Error('interrupted')
      },
    ),
    { message: 'interrupted' },
  )
  t.is(await modeOf(disk, '/dst/d'), 0o755)
  const { error } = await receiveItems(arrivingOf(files, { modes }), { dir: '/dst', fs: disk })
  t.is(error, undefined)
  for (const [path, mode] of Object.entries(modes))
    t.is(await modeOf(disk, `/dst/${path}`), mode | 0o700, path)
})
