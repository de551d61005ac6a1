import test, { type ExecutionContext } from 'ava'
import { type ReceiveOptions, receive, send } from '../../../lib/index.js'
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

test('nothing is looked at before, unless that is asked for', async (t) => {
  const disk = await standing(t)
  for (const receiving of [{ lookAhead: false }, { unless: 'nothing', conflict: 'overwrite' }] as const)
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
