import { appendFile, mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { mirror } from '../../lib/cli/receiving/mirror.js'
import type { Reporter } from '../../lib/cli/ui/reporter.js'
import type { Transfer } from '../../lib/transfer/transfer.js'
import type { Offer } from '../../lib/wire/entry.js'
import { Command, run } from '../helpers/command.js'
import { listing, plant, temporary } from '../helpers/folders.js'

const SOURCE = { 'photos/a': 'a', 'photos/sub/b': 'b', 'photos/new/c': 'c' }
const THERE = {
  'photos/a': 'old',
  'photos/old': 'gone',
  'photos/sub/old \u001b': 'gone, too',
  'photos/deep/er/x': 'x',
  'photos/kept/x.part': 'of another transfer',
  other: 'mine',
  'others/x': 'mine',
}

/** Receives a folder `photos` beside other things. */
async function scene(t: ExecutionContext<unknown>, args: string[], there: Record<string, string> = THERE) {
  const root = await temporary(t)
  const [source, dir] = [await plant(join(root, 'source'), SOURCE), await plant(join(root, 'in'), there)]
  const given = ['--plain', '--once', '--dir', dir, '--conflict', 'overwrite', ...args]
  const receiver = new Command(t, ['receive', ...given])
  return { root, source, dir, receiver }
}

const filesIn = async (dir: string) => {
  const found = Object.entries(await listing(dir, { times: false }))
  return found.flatMap(([path, what]) => (what.startsWith('file') ? [path] : [])).sort()
}

const RECEIVED = ['photos/a', 'photos/new/c', 'photos/sub/b']
const KEPT = ['other', 'others/x', 'photos/kept/x.part']

test('--delete removes from a folder that is sent what was not sent, and nothing else, after it was shown', async (t) => {
  const { source, dir, receiver } = await scene(t, ['--yes', '--delete'])
  const outside = await plant(await temporary(t), { x: 'x' })
  await symlink(outside, join(dir, 'photos', 'link'), 'junction')
  // nobody is shown it, and nothing of it is kept
  await mkdir(join(dir, 'photos', 'empty', 'below'), { recursive: true })
  t.is((await run(t, 'send', join(source, 'photos'), '--to', await receiver.line())).code, 0)
  const { code, err } = await receiver.ended
  t.is(code, 0, err)
  const [before, after] = err.split(' in ')
  t.regex(before!, /then 3 files that the sender does not have will be removed:/)
  for (const shown of [
    /^ {2}photos\/old$/m,
    /^ {2}photos\/sub\/old \\u\{1b\}$/m,
    /^ {2}photos\/deep\/er\/x$/m,
  ])
    t.regex(before!, shown)
  t.regex(after!, /^3 files removed$/m)
  t.deepEqual(await filesIn(dir), [...KEPT, ...RECEIVED].sort())
  t.deepEqual((await readdir(join(dir, 'photos'))).sort(), ['a', 'empty', 'kept', 'link', 'new', 'sub'])
  t.deepEqual(await readdir(join(dir, 'photos', 'empty')), ['below'])
  t.deepEqual(await readdir(outside), ['x'])
})

test('with --backup-dir it is moved there, and what was moved there before stays', async (t) => {
  const { source, dir, receiver } = await scene(t, [
    '--yes',
    '--delete',
    '--backup-dir',
    'old/photos',
    '--json',
  ])
  const send = ['send', join(source, 'photos'), '--to']
  t.is((await run(t, ...send, JSON.parse(await receiver.line()).address)).code, 0)
  const { code, out } = await receiver.ended
  t.is(code, 0, out)
  const events = out.split('\n').map((line) => JSON.parse(line))
  const removed = events.filter(({ event }) => event === 'removed')
  t.deepEqual(removed.map(({ path }) => path).sort(), [
    'photos/deep/er/x',
    'photos/old',
    'photos/sub/old \u001b',
  ])
  for (const { backup, path } of removed) {
    t.regex(backup, /^old\/photos\/\d{8}-\d{6}-[0-9a-f]{4}\/photos\//)
    t.true(backup.endsWith(path))
  }
  t.deepEqual(await filesIn(dir), [...KEPT, ...RECEIVED, ...removed.map(({ backup }) => backup)].sort())
})

test('nothing is removed where a file failed, or the offer was rejected', async (t) => {
  const failing = await scene(t, ['--yes', '--delete', '--links'])
  await symlink('../../out', join(failing.source, 'photos', 'leads-out'))
  const sent = await run(
    t,
    'send',
    join(failing.source, 'photos'),
    '--links',
    '--to',
    await failing.receiver.line(),
  )
  t.not(sent.code, 0)
  const { code, err } = await failing.receiver.ended
  t.not(code, 0)
  t.regex(err, /will be removed/)
  t.notRegex(err, /files? removed/)
  t.deepEqual(await filesIn(failing.dir), [...Object.keys(THERE), 'photos/new/c', 'photos/sub/b'].sort())
  const rejecting = await scene(t, ['--delete'])
  await run(t, 'send', join(rejecting.source, 'photos'), '--to', await rejecting.receiver.line())
  t.is((await rejecting.receiver.ended).code, 3)
  t.deepEqual(await filesIn(rejecting.dir), Object.keys(THERE).sort())
})

test('what has changed or come since it was shown stays, and so does what a file was published as', async (t) => {
  const dir = await plant(await temporary(t), {
    'p/gone': 'x',
    'p/changed': 'x',
    'p/B_1': 'x',
    'p/d/e': 'x',
    'p/A': 'x',
    'p/c': 'x',
  })
  const entries = ['p', 'p/a', 'p/b', 'p/C'].map((path) => ({
    path,
    type: path === 'p' ? 'directory' : 'file',
  }))
  const told: unknown[] = []
  const reporter = { note: (line: string) => told.push(line), event: () => {} }
  const companion = mirror({ dir, conflict: 'overwrite', delete: true }, reporter as unknown as Reporter)
  const files = [{ path: 'p/b', name: 'p/B_1' }]
  const transfer = { id: 'i', finished: Promise.resolve({ files }) } as unknown as Transfer
  const lines = await companion.notes!({ id: 'i', first: 0, entries } as unknown as Offer, transfer)
  // a disk may take A for a, and c for C
  t.deepEqual(lines.slice(1).sort(), ['  p/B_1', '  p/changed', '  p/d/e', '  p/gone'])
  await appendFile(join(dir, 'p/changed'), 'y')
  await plant(dir, { 'p/come': 'x', 'p/d/come': 'x' })
  await companion.attend(transfer, { hangUp: () => {} })
  t.deepEqual(told, ['2 files removed'])
  t.deepEqual(await filesIn(dir), ['p/A', 'p/B_1', 'p/c', 'p/changed', 'p/come', 'p/d/come'])
})

test('what was shown of one transfer is removed with that one only, also if another has the same id', async (t) => {
  const dir = await plant(await temporary(t), { 'p/old': 'x', 'q/mine': 'x' })
  const reporter = { note: () => {}, event: () => {} } as unknown as Reporter
  const companion = mirror({ dir, conflict: 'overwrite', delete: true }, reporter)
  const [approved, other] = ['p', 'q'].map((path) => ({
    offer: { id: 'i', first: 0, entries: [{ path, type: 'directory' }] } as unknown as Offer,
    transfer: { id: 'i', finished: Promise.resolve({ files: [] }) } as unknown as Transfer,
  }))
  for (const { offer, transfer } of [approved!, other!]) await companion.notes!(offer, transfer)
  await companion.attend(approved!.transfer, { hangUp: () => {} })
  t.deepEqual(await filesIn(dir), ['q/mine'])
})

test('nothing gets beside what was moved away, nor in its place: no folder, no file, no link, not later either', (t) => {
  const flags = { dir: 'in', conflict: 'overwrite', delete: true, backupDir: 'old/photos' } as const
  const companion = mirror(flags, {} as Reporter)
  const objection = (type: string, path: string, first = 0) =>
    companion.offered!({ first, entries: [{ type, path }] } as unknown as Offer, {} as Transfer)
  for (const type of ['directory', 'file', 'symlink'])
    for (const path of ['old', 'OLD', 'old/photos', 'old/photos/x', 'old/x', 'Old./x'])
      for (const first of [0, 5]) t.regex(objection(type, path, first) ?? '', /keeps its backups/, path)
  for (const path of ['older', 'x/old', 'photos']) t.is(objection('file', path), undefined)
})

test('flags that do not go together, and a folder for backups that would be mirrored, are refused', async (t) => {
  for (const [args, message] of [
    [['--delete'], /--delete needs --conflict overwrite, or replace/],
    [['--backup-dir', 'old'], /--backup-dir is for --delete/],
    [['--delete', '--conflict', 'replace', '--backup-dir', '..'], /--backup-dir must be a folder in --dir/],
    [['--delete', '--conflict', 'replace', '--backup-dir', '.'], /--backup-dir must be a folder in --dir/],
    [['--delete', '--conflict', 'replace', '--backup-dir', '.sluice/x'], /a name that Sluice itself uses/],
    [['--delete', '--stdout'], /cannot be used with/],
  ] as const) {
    const { out, err } = await run(t, 'receive', '--plain', ...args)
    t.is(out, '')
    t.regex(err, message)
  }
  const { source, dir: there, receiver } = await scene(t, ['--yes', '--delete', '--backup-dir', 'PHOTOS/old'])
  const sent = await run(t, 'send', join(source, 'photos'), '--to', await receiver.line())
  t.is(sent.code, 3)
  t.regex(sent.err, /keeps its backups in a folder of this name/)
  t.deepEqual(await filesIn(there), Object.keys(THERE).sort())
})
