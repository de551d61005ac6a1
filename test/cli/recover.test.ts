import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { FileTransaction } from '../../lib/files/index.js'
import { asideName } from '../../lib/files/own/temporary-name.js'
import { randomContent } from '../../lib/testing/splits.js'
import { deadAside } from '../helpers/asides.js'
import { Command, run } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

const CHILD = fileURLToPath(new URL('../helpers/unfinished-child.js', import.meta.url))

/** A folder in which a process died in a transaction. */
async function unfinished(t: ExecutionContext<unknown>, state: 'staged' | 'prepared' | 'committed') {
  const dir = await plant(await temporary(t), { gone: 'old', kept: 'old', 'sub/mine': 'mine' })
  await leave(dir, state)
  return dir
}

async function leave(dir: string, state: string): Promise<void> {
  const child = fork(CHILD, [dir, 'the-id', state])
  const [, signal] = await once(child, 'exit')
  if (signal !== 'SIGKILL') throw new Error(`ended with ${signal}`)
}

const contents = async (dir: string) =>
  Promise.all(
    (await readdir(dir)).map(
      async (name) => `${name} ${name === 'sub' ? '' : await readFile(join(dir, name), 'utf8')}`,
    ),
  )

test('what was committed is shown, and completed with --yes', async (t) => {
  const dir = await unfinished(t, 'committed')
  const before = await readdir(dir, { recursive: true })
  const shown = await run(t, 'recover', dir)
  t.is(shown.code, 0, shown.err)
  const goes = 'would remove \\.sluice/.*\\.intent(\nwould remove \\.transaction\\..*\\.sluice-tmp){3}'
  t.regex(
    shown.out,
    new RegExp(`^would complete transaction the-id \\(2 files\\)\n${goes}\nwould remove gone$`),
  )
  t.regex(shown.err, /^1 transaction \(0 B\) would be ended or removed by sluice recover \S+ --yes$/m)
  t.deepEqual(await readdir(dir, { recursive: true }), before)
  const done = await run(t, 'recover', dir, '--yes')
  t.is(done.code, 0, done.err)
  t.is(done.out, shown.out.replaceAll('would remove', 'removed').replace('would complete', 'completed'))
  t.deepEqual(await contents(dir), ['kept new', 'sub '])
  const again = await run(t, 'recover', dir, '--yes')
  t.deepEqual(
    [again.code, again.out, again.err],
    [0, '', 'no transaction, no part and no temporary file is left\n'],
  )
})

test('what was not committed is discarded; with --json there is one event for each', async (t) => {
  const dir = await unfinished(t, 'prepared')
  const { code, out, err } = await run(t, 'recover', dir, '--yes', '--json')
  t.is(code, 0)
  t.is(err, '')
  const { intent, removed, ...event } = JSON.parse(out)
  t.deepEqual(event, {
    version: 1,
    event: 'transaction',
    id: 'the-id',
    state: 'discarded',
    paths: ['kept', 'gone'],
  })
  t.regex(intent, /^\.sluice\/.*\.prepared\.intent$/)
  t.is(removed[0], intent)
  t.is(removed.length, 4)
  t.deepEqual(await contents(dir), ['gone old', 'kept old', 'sub '])
})

test('parts and temporary files go as well, those of living processes and of the user stay', async (t) => {
  const dir = await unfinished(t, 'staged')
  const photos = await plant(await temporary(t), { photo: randomContent(400_000) })
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes', '--json'])
  const { address } = JSON.parse(await receiver.line())
  new Command(t, ['send', join(photos, 'photo'), '--to', address, '--limit', '50k'])
  while (!(await readdir(dir)).includes('photo.part')) await receiver.line()
  receiver.child.kill('SIGKILL')
  await receiver.ended
  await writeFile(join(dir, 'mine.part'), 'mine')
  await using transaction = await FileTransaction.begin(join(dir, 'sub'))
  await transaction.write('new', 'new')
  const living = (await readdir(join(dir, 'sub'))).length
  const shown = await run(t, 'recover', dir)
  t.regex(
    shown.out,
    /^would remove photo\.part \(.*\)\nwould remove \.sluice\/.*\.journal \(.*\)\n(would remove (\.sluice\/)?\.transaction\.[^/]*\.sluice-tmp\n?){4}$/,
  )
  const done = await run(t, 'recover', dir, '--yes')
  t.is(done.code, 0, done.err)
  t.is(done.out, shown.out.replaceAll('would remove', 'removed'))
  t.regex(done.err, /^1 part, 4 temporary files \(/)
  t.deepEqual((await readdir(dir)).sort(), ['gone', 'kept', 'mine.part', 'sub'])
  t.is((await readdir(join(dir, 'sub'))).length, living)
})

test('a folder that was moved aside for a file, which never got its name, is put back', async (t) => {
  const dir = await plant(await temporary(t), { 'sub/done': 'new', 'sub/taken': 'mine' })
  const { ino } = await stat(join(dir, 'sub/done'))
  const aside = deadAside(BigInt(ino))
  await plant(join(dir, 'sub', aside), { 'album/photo': 'photo', 'done/old': 'old', 'taken/old': 'old' })
  const shown = await run(t, 'recover', dir)
  t.is(shown.out.trim(), 'would put back sub/album\nwould remove sub/done: the folder that it has replaced')
  t.regex(shown.err, /sub\/\.sluice-aside.*\/taken was to be replaced, and something else has its name/)
  t.regex(shown.err, /3 replaced folders \(.* would be ended or removed by sluice recover \S+ --yes/)
  t.true((await readdir(join(dir, 'sub'))).includes(aside))
  const done = await run(t, 'recover', dir, '--yes')
  t.is(done.code, 0, done.err)
  t.is(done.out.trim(), 'put back sub/album\nremoved sub/done: the folder that it has replaced')
  t.is(await readFile(join(dir, 'sub/album/photo'), 'utf8'), 'photo')
  t.is(await readFile(join(dir, 'sub/done'), 'utf8'), 'new')
  t.deepEqual(await readdir(join(dir, 'sub', aside)), ['taken'])
})

test('a folder aside stays while its process lives; one that is in another one comes back with it', async (t) => {
  const dir = await temporary(t)
  const [living, outer, inner] = [asideName(1n), deadAside(1n), deadAside(1n)]
  await plant(dir, { [`${living}/album/photo`]: 'photo', [`${outer}/top/${inner}/below/file`]: 'old' })
  const shown = await run(t, 'recover', dir)
  t.deepEqual(shown.out.trim().split('\n'), [`would put back ${outer}/top/below`, 'would put back top'])
  const done = await run(t, 'recover', dir, '--yes')
  t.is(done.code, 0, done.err)
  const left = [living, `${living}/album`, `${living}/album/photo`, 'top', 'top/below', 'top/below/file']
  t.deepEqual((await readdir(dir, { recursive: true })).sort(), left)
})

test('a file that somebody else has changed meanwhile is named, and nothing is overwritten', async (t) => {
  const dir = await unfinished(t, 'committed')
  await writeFile(join(dir, 'kept'), 'by somebody else')
  const shown = await run(t, 'recover', dir)
  t.is(shown.code, 0)
  t.is(shown.out, 'in conflict transaction the-id (2 files): kept')
  const { code, out, err } = await run(t, 'recover', dir, '--yes')
  t.is(code, 1)
  t.is(out, shown.out)
  t.regex(err, /^sluice: transaction the-id cannot be ended: somebody else changed kept; move that away/m)
  t.is(await readFile(join(dir, 'kept'), 'utf8'), 'by somebody else')
  await rm(join(dir, 'kept'))
  await writeFile(join(dir, 'kept'), 'old')
  t.is((await run(t, 'recover', dir, '--yes')).code, 0)
  t.deepEqual(await contents(dir), ['kept new', 'sub '])
})

test('an intent that cannot be read is named; of several reasons each is said, and the weightiest decides', async (t) => {
  const dir = await unfinished(t, 'committed')
  const [name] = (await readdir(join(dir, '.sluice'))).filter((name) => name.endsWith('.intent'))
  await writeFile(join(dir, '.sluice', name!), 'damaged')
  const one = await run(t, 'recover', dir, '--yes')
  t.is(one.code, 1)
  t.regex(one.err, /^sluice: \.sluice\/.*\.intent is the intent of a transaction and cannot be read/m)
  await writeFile(join(dir, '.sluice', `${'0'.repeat(32)}.journal`), 'damaged')
  const two = await run(t, 'recover', dir, '--yes')
  t.is(two.code, 8)
  t.regex(two.err, /^warning: .*\.journal cannot be read/m)
  t.regex(two.err, /^sluice: 2 things could not be ended$/m)
  t.deepEqual(await readFile(join(dir, 'kept'), 'utf8'), 'old')
})

test('a transaction that runs is waited for, until the user has enough', async (t) => {
  const dir = await plant(await temporary(t), { a: 'old' })
  await using transaction = await FileTransaction.begin(dir)
  t.is(transaction.recovered.length, 0)
  const command = new Command(t, ['recover', dir, '--yes'])
  // until it has announced itself
  const lock = join(dir, '.sluice-lock-transaction')
  while (!(await readdir(lock)).some((name) => name.startsWith('new-')));
  command.child.kill('SIGINT')
  t.is((await command.ended).code, 130)
})

test('a folder that is not there is exit 2, one that may not be written 8', async (t) => {
  t.is((await run(t, 'recover', '/nowhere/at/all')).code, 2)
  t.is((await run(t, 'recover')).code, 2)
  if (process.getuid?.() === 0) return
  const dir = await unfinished(t, 'committed')
  await chmod(dir, 0o500)
  const { code, err } = await run(t, 'recover', dir, '--yes')
  await chmod(dir, 0o700)
  t.is(code, 8, err)
})
