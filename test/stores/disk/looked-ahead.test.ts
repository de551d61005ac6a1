import test, { type ExecutionContext } from 'ava'
import { systemClock } from '../../../lib/clock.js'
import { type ReceiveOptions, receive, send } from '../../../lib/index.js'
import { DiskPace } from '../../../lib/stores/disk/sources/disk-pace.js'
import { StatsAhead } from '../../../lib/stores/disk/standing/stats-ahead.js'
import { duplexPair, MemoryDisk } from '../../../lib/testing/index.js'
import { type Contents, manifestOfContents } from '../../helpers/contents.js'

// What stands is looked at while an offer still comes, where all is accepted.

const CONTENTS: Contents = { d: null, 'd/a': 'one', 'd/b': 'two', c: 'three' }

/** What stands is what was sent before. */
async function standing(t: ExecutionContext): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  disk.putFolder('/in')
  await transfer(t, disk)
  return disk
}

/** Gives what became of all, and which files were looked at by their paths before, and after the offer was accepted. */
async function transfer(
  t: ExecutionContext,
  disk: MemoryDisk,
  receiving: Partial<ReceiveOptions> = {},
  decided: (before: readonly string[]) => void = () => {},
) {
  const [near, far] = duplexPair()
  const looks: Record<'before' | 'after', string[]> = { before: [], after: [] }
  let when: 'before' | 'after' = 'before'
  disk.hook = ({ call, path }) => {
    if (call === 'lstat' && path && /\/[abc]$/.test(path)) looks[when].push(path.replace('/in/', ''))
  }
  const sent = send(near, manifestOfContents(CONTENTS, 'blocks')).finished
  sent.catch(() => {})
  const accept = () => {
    decided(looks.before)
    when = 'after'
    return true
  }
  const { files } = await receive(far, { dir: '/in', fs: disk, lookAhead: true, ...receiving, accept })
    .finished
  await sent
  disk.hook = undefined
  t.is(files.length, 4)
  return {
    looks,
    reasons: Object.fromEntries(files.map(({ path, status, reason }) => [path, reason ?? status])),
  }
}

for (const unless of ['unchanged', 'identical'] as const)
  test(`files are looked at once, before anybody is asked about the offer: ${unless}`, async (t) => {
    const disk = await standing(t)
    const { looks, reasons } = await transfer(t, disk, { unless })
    t.deepEqual(looks.before.sort(), ['c', 'd/a', 'd/b'])
    t.deepEqual(looks.after, [])
    t.like(reasons, { 'd/a': unless, 'd/b': unless, c: unless })
  })

test('the folder of files that were looked at before is not entered', async (t) => {
  const disk = await standing(t)
  const opened: string[] = []
  const looking = transfer(t, disk, { unless: 'unchanged' }, () => {
    const { hook } = disk
    disk.hook = (event) => {
      if (event.call === 'open' && event.path) opened.push(event.path)
      return hook?.(event)
    }
  })
  t.like((await looking).reasons, { 'd/a': 'unchanged', 'd/b': 'unchanged' })
  t.false(
    opened.some((path) => /\bd\b/.test(path)),
    `${opened}`,
  )
})

test('what is in a folder that may be one of ours is not looked at', (t) => {
  const disk = new MemoryDisk()
  for (const path of ['/in/.sluice/a', '/in/d/a']) disk.put(path, Buffer.from('1'))
  const ahead = new StatsAhead(disk, new DiskPace(systemClock), '/in')
  const { entries } = manifestOfContents({ '.sluice/a': '1', 'd/a': '1' }).offer
  ahead.look(entries)
  t.deepEqual(
    entries.filter((entry) => ahead.of(entry)).map(({ path }) => path),
    ['d/a'],
  )
})

test('nothing is looked at before, unless that is asked for', async (t) => {
  const disk = await standing(t)
  for (const receiving of [
    { lookAhead: false },
    { unless: 'nothing', conflict: 'overwrite' },
    { publish: 'together' },
  ] as const)
    t.deepEqual((await transfer(t, disk, receiving)).looks.before, [])
})

test('nothing is made before an offer is accepted, also not the folder', async (t) => {
  const disk = new MemoryDisk()
  const { reasons } = await transfer(t, disk, {}, () => t.false(disk.snapshot().has('/in')))
  t.like(reasons, { c: 'published' })
})

test('what is behind a link is not looked at', async (t) => {
  const disk = await standing(t)
  await disk.rename('/in/d', '/elsewhere')
  await disk.symlink('/elsewhere', '/in/d')
  const looked: string[] = []
  const looking = transfer(t, disk, { unless: 'unchanged' }, (looks) => looked.push(...looks))
  await t.throwsAsync(looking, { code: 'ERR_UNSAFE_LINK' })
  t.deepEqual(looked, ['c'])
})

test('what changes after it was looked at is noticed when it is read', async (t) => {
  const disk = await standing(t)
  const { reasons } = await transfer(t, disk, { conflict: 'overwrite' }, () =>
    disk.put('/in/c', Buffer.from('other')),
  )
  t.is(reasons.c, 'published')
  t.deepEqual(disk.snapshot().get('/in/c'), Buffer.from('three'))
})

for (const unless of ['unchanged', 'newer', 'identical'] as const)
  test(`what was seen in a folder does not count once that was taken away: ${unless}`, async (t) => {
    const disk = await standing(t)
    const { reasons } = await transfer(t, disk, { unless }, () => disk.sync!.rename('/in/d', '/elsewhere'))
    t.like(reasons, { 'd/a': 'published', 'd/b': 'published', c: unless })
    t.deepEqual(disk.snapshot().get('/in/d/a'), Buffer.from('one'))
  })

test('what was looked at long ago is looked at again', async (t) => {
  const disk = await standing(t)
  let now = 0
  const clock = { now: () => now, after: () => () => {} }
  const { looks, reasons } = await transfer(t, disk, { unless: 'unchanged', clock }, () => {
    now += 60_000
  })
  t.deepEqual(looks.after.sort(), ['c', 'd/a', 'd/b'])
  t.is(reasons.c, 'unchanged')
})

test('what was looked at long ago is looked at again, also while the offer still goes on', (t) => {
  const disk = new MemoryDisk()
  for (const path of ['/in/d/a', '/in/d/b', '/in/c']) disk.put(path, Buffer.from('1'))
  let now = 0
  const ahead = new StatsAhead(disk, new DiskPace({ now: () => now, after: () => () => {} }), '/in')
  const { entries } = manifestOfContents(CONTENTS).offer
  const seen = () => entries.filter((entry) => ahead.of(entry)).map(({ path }) => path)
  ahead.look(entries.slice(0, 2))
  now += 1500
  ahead.look(entries.slice(2))
  t.deepEqual(
    seen(),
    entries.slice(1).map(({ path }) => path),
  )
  now += 1500
  t.deepEqual(
    seen(),
    entries.slice(2).map(({ path }) => path),
  )
})

test('a disk that is found to be slow in the middle of a page is waited for no longer', (t) => {
  const disk = new MemoryDisk()
  const contents = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`${n}`, '1']))
  for (const name of Object.keys(contents)) disk.put(`/in/${name}`, Buffer.from('1'))
  let now = 0
  let took = 0
  disk.hook = ({ call }) => {
    if (call === 'lstat') now += took
  }
  const ahead = new StatsAhead(disk, new DiskPace({ now: () => now, after: () => () => {} }), '/in')
  const { entries } = manifestOfContents(contents).offer
  const seen = () => entries.filter((entry) => ahead.of(entry)).length
  ahead.look(entries)
  t.is(seen(), 500)
  took = 10
  ahead.look(entries)
  t.true(now < 1000)
  t.true(seen() < 50, 'what was seen before counts no more')
})

test('of an entry only the last look counts, since another offer may have its place', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/in/c', Buffer.from('1'))
  const ahead = new StatsAhead(disk, new DiskPace(systemClock), '/in')
  const { entries } = manifestOfContents({ c: '1' }).offer
  ahead.look(entries)
  t.is(ahead.of(entries[0]!)?.size, 1)
  disk.putFolder('/in/folder')
  ahead.look(manifestOfContents({ folder: '1' }).offer.entries)
  t.is(ahead.of(entries[0]!), undefined)
})
