import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { nodeFileSystem, Tree } from '../../lib/files/index.js'
import { Journal } from '../../lib/files/journal/journal.js'
import { thisOwner } from '../../lib/files/own/owner.js'
import { run } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

const CHILD = fileURLToPath(new URL('../helpers/unfinished-child.js', import.meta.url))

/** A transfer into the folder by a process on another machine, which shows that it lives as long as the test runs. */
async function transferElsewhere(t: ExecutionContext<unknown>, dir: string) {
  const tree = await Tree.open(dir, { fs: nodeFileSystem })
  const owner = { ...thisOwner(), host: 'e15e'.repeat(3) }
  const journal = await Journal.create(tree, 'ab'.repeat(16), { durability: 'crash', owner })
  t.teardown(async () => {
    await journal.close().catch(() => {})
    await tree.close()
  })
  const [n] = await journal.begin([{ path: 'x', size: 10, mtime: 1, part: 'x.part' }])
  await writeFile(join(dir, 'x.part'), 'abc')
  await journal.made(n!, await nodeFileSystem.lstat(join(dir, 'x.part')), false)
}

test('clean: what a process elsewhere has is watched and stays; with --force it goes', async (t) => {
  const dir = await temporary(t)
  await transferElsewhere(t, dir)
  const watched = await run(t, 'clean', dir, '--yes')
  t.deepEqual([watched.code, watched.out], [0, ''], watched.err)
  t.true((await readdir(dir)).includes('x.part'))
  const shown = await run(t, 'clean', dir, '--force')
  t.is(shown.code, 0, shown.err)
  t.regex(shown.out, /x\.part/)
  t.true((await readdir(dir)).includes('x.part'))
  const forced = await run(t, 'clean', dir, '--yes', '--force')
  t.is(forced.code, 0, forced.err)
  t.regex(forced.out, /^removed x\.part \(3 B\)\nremoved \.sluice\/.*\.journal/)
  t.deepEqual(await readdir(dir), [])
})

test('recover --force: transactions, locks and parts of elsewhere are ended without watching', async (t) => {
  const dir = await plant(await temporary(t), { gone: 'old', kept: 'old' })
  const child = fork(CHILD, [dir, 'the-id', 'committed', 'elsewhere'])
  await once(child, 'exit')
  await transferElsewhere(t, dir)
  const shown = await run(t, 'recover', dir, '--force')
  t.is(shown.code, 0, shown.err)
  t.regex(shown.out, /^would complete transaction the-id/)
  const { code, out, err } = await run(t, 'recover', dir, '--yes', '--force')
  t.is(code, 0, err)
  t.regex(out, /^completed transaction the-id/)
  t.regex(out, /removed x\.part/)
  t.notRegex(err, /watching/)
  t.deepEqual(await readdir(dir), ['kept'])
  t.is(await readFile(join(dir, 'kept'), 'utf8'), 'new')
})
