import { mkdir, open, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import test, { type ExecutionContext } from 'ava'
import { Command, run } from '../helpers/command.js'
import { listing, plant, temporary } from '../helpers/folders.js'

/** Deeper than can be sent. */
const DEEP = `tree${'/d'.repeat(70)}`

/** A tree with a link and one of its folders too deep, which also root finds to be so. */
async function setup(t: ExecutionContext<unknown>, ...deep: string[]) {
  const source = await plant(await temporary(t), { 'tree/a': '1', 'tree/b': '22' })
  await symlink('a', join(source, 'tree/link'))
  for (const folder of deep) await mkdir(join(source, folder), { recursive: true })
  return { tree: join(source, 'tree'), dir: join(await temporary(t), 'in') }
}

test('what the sender could not read is exit 1 on both sides, each of which names it', async (t) => {
  const { tree, dir } = await setup(t, DEEP)
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes'])
  const sent = await run(t, 'send', tree, '--to', await receiver.line())
  for (const { code, err } of [sent, await receiver.ended]) {
    t.is(code, 1, err)
    // the sender knows more than the receiver, and says it as soon as it knows: once
    const named =
      err === sent.err
        ? /^warning: .*\/tree(\/d){64} cannot be sent: its path is longer or/gm
        : /^failed: tree(\/d){64}: a name .*cannot be sent; rename it$/gm
    t.is(err.match(named)?.length, 1)
    t.is(err.match(/(\/d){64}/g)?.length, 1)
    t.regex(err, /^2 files, 64 folders (sent|in [^ ]*) \(3 B\); .*1 could not be read$/m)
  }
  t.regex(sent.err, /; 1 left out; 1 could/)
  t.truthy((await listing(dir))['tree/a'])
})

test('a link that was asked for and leads out is exit 1 on both sides, which name it and why', async (t) => {
  const { tree, dir } = await setup(t)
  await symlink('/etc/passwd', join(tree, 'abs'))
  await symlink('../../etc', join(tree, 'up'))
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes', '--links'])
  const sent = await run(t, 'send', tree, '--links', '--exclude', 'b', '--to', await receiver.line())
  for (const { code, err } of [sent, await receiver.ended]) {
    t.is(code, 1, err)
    for (const [path, target] of [
      ['abs', '/etc/passwd'],
      ['up', '../../etc'],
    ])
      t.regex(err, new RegExp(`^failed: .*tree/${path}: .* ${target} leads, or could lead, out of`, 'm'))
    t.regex(err, /^1 file, 1 folder, 1 link (sent|in [^ ]*) \(1 B\); 2 links failed$/m)
  }
  t.is((await listing(dir))['tree/link'], 'link a')
})

test('a link whose target is no UTF-8 is exit 1 on both sides, which say so', async (t) => {
  if (process.platform !== 'linux') return t.pass('no such names')
  const { tree, dir } = await setup(t)
  await symlink(Buffer.from([0x62, 0xe9]), join(tree, 'odd'))
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes', '--links'])
  const sent = await run(t, 'send', tree, '--links', '--to', await receiver.line())
  const received = await receiver.ended
  for (const { code, err } of [sent, received]) {
    t.is(code, 1, err)
    t.notRegex(err, /owner|EILSEQ/)
  }
  t.regex(received.err, /^failed: tree\/odd: a name or link target that is no UTF-8, .*; rename it$/m)
  t.regex(
    sent.err,
    /^warning: .*\/tree\/odd cannot be sent: the target of the link is not valid UTF-8; rename that/m,
  )
})

test('it is exit 1 of pack and unpack, and of a dry run', async (t) => {
  const { tree, dir } = await setup(t, DEEP)
  const pack = new Command(t, ['pack', tree])
  const unpack = new Command(t, ['unpack', '--dir', dir], { input: 'pipe' })
  await pipeline(pack.child.stdout!, unpack.child.stdin!)
  const packed = await pack.ended
  t.is(packed.code, 1)
  t.regex(packed.err, /^sluice: 1 of 67 entries could not be packed$/m)
  const unpacked = await unpack.ended
  t.is(unpacked.code, 1)
  t.regex(unpacked.err, /^2 files, 64 folders in .*; 1 could not be read$/m)
  const dry = await run(t, 'send', tree, '--dry-run')
  t.is(dry.code, 1)
  t.is(dry.out.split('\n').length, 66)
  t.regex(dry.err, /^sluice: 1 of 67 entries failed; the first: tree/m)
})

test('what was left out on purpose is exit 0; it is never one number with what is there already', async (t) => {
  const { tree, dir } = await setup(t)
  const send = async (...flags: string[]) => {
    const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes', ...flags])
    const sent = await run(t, 'send', tree, '--to', await receiver.line())
    t.is(sent.code, 0, sent.err)
    const { code, err } = await receiver.ended
    t.is(code, 0, err)
    return [sent.err, err].map((text) =>
      /^(\d|nothing new).*$/m.exec(text)![0].replace(/ in [^ ]*\/in\/| \([^)]*\)/g, ''),
    )
  }
  t.deepEqual(await send(), ['2 files, 1 folder sent; 1 left out', '2 files, 1 folder'])
  t.deepEqual(await send(), [
    'nothing new sent; 2 files, 1 folder there already; 1 left out',
    'nothing new; 2 files, 1 folder there already',
  ])
  await writeFile(join(dir, 'tree/a'), 'mine')
  t.deepEqual(await send('--conflict', 'skip'), [
    'nothing new sent; 1 file, 1 folder there already; 2 left out',
    'nothing new; 1 file, 1 folder there already; 1 left out',
  ])
})

test('links that the receiver did not make are named on both sides, some of many, with the way out', async (t) => {
  const { tree, dir } = await setup(t)
  for (let n = 0; n < 4; n++) await symlink('a', join(tree, `more-${n}`))
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes'])
  const sent = await run(t, 'send', tree, '--links', '--to', await receiver.line())
  const { err } = await receiver.ended
  const way = 'left out: and 2 more links\n--links at the receiver makes those links that stay inside\n'
  t.regex(
    err,
    new RegExp(`^left out: tree/link: symbolic links were not asked for\\n(left.*\\n){2}${way}2 files`, 'm'),
  )
  t.regex(
    sent.err,
    new RegExp(`^left out: tree/link: the receiver did not make the link\\n(left.*\\n){2}${way}2 files`, 'm'),
  )
})

test('without anything that can be read there is nothing to send', async (t) => {
  if (process.platform !== 'linux') return t.pass('no /proc at hand')
  const { code, err } = await run(t, 'send', '/proc/self/status', '--to', '127.0.0.1:1')
  t.is(code, 2)
  t.regex(err, /^sluice: there is nothing to send: .*no size.*\n$/)
})

test('pack leaves its own file out, and says so; unpack takes what there is', async (t) => {
  const { tree, dir } = await setup(t)
  const stream = join(tree, 'backup.sluice')
  const file = await open(stream, 'w')
  const packed = await new Command(t, ['pack', '.'], { cwd: tree, output: file.fd }).ended
  await file.close()
  t.is(packed.code, 0, packed.err)
  t.regex(packed.err, /backup\.sluice is left out: this program writes to it\n/)
  t.regex(packed.err, /^2 files, 1 folder packed \(3 B\); 2 left out$/m)
  const input = await open(stream)
  t.teardown(() => input.close())
  const unpacked = await new Command(t, ['unpack', '--dir', dir], { input: input.fd }).ended
  t.is(unpacked.code, 0, unpacked.err)
  t.deepEqual(Object.keys(await listing(dir)).sort(), ['tree', 'tree/a', 'tree/b'])
})

test('of very many that fail, or are left out, each side names the first, and counts all', async (t) => {
  const many = Array.from({ length: 50 }, (_, n) => `${n}`)
  const files = Object.fromEntries(many.map((name) => [`tree/${name}`, 'x']))
  const taken = Object.fromEntries(many.map((name) => [`tree/${name}`, 'other']))
  const [source, dir] = [await plant(await temporary(t), files), await plant(await temporary(t), taken)]
  for (const name of many) await symlink('0', join(source, 'tree', `link-${name}`))
  const log = join(dir, 'log')
  const receive = ['receive', '--plain', '--dir', dir, '--once', '--yes', '--conflict', 'fail', '--log', log]
  const receiver = new Command(t, receive)
  const sent = await run(t, 'send', join(source, 'tree'), '--to', await receiver.line())
  const lines = ({ err }: { err: string }, kind: string) =>
    err.split('\n').filter((line) => line.startsWith(`${kind}: `))
  for (const side of [sent, await receiver.ended]) {
    const failed = lines(side, 'failed')
    t.is(failed.length, 21)
    t.is(failed.at(-1), 'failed: and more; --log FILE keeps all of them')
    t.regex(side.err, /; (?:50 left out; )?50 files failed$/m)
  }
  t.is(lines(sent, 'warning').length, 21)
  t.is((await readFile(log, 'utf8')).match(/ file failed /g)?.length, 50)
})

test('what is left out of very many files is told, though they are offered before all of them are listed', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 700 }, (_, n) => [`tree/${n}`, '1']))
  const source = await plant(await temporary(t), files)
  await symlink('1', join(source, 'tree/zzz'))
  const dir = join(await temporary(t), 'in')
  for (const there of [/^700 files, 1 folder sent/m, /700 files.* there already/]) {
    const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes'])
    const { code, err } = await run(t, 'send', join(source, 'tree'), '--to', await receiver.line())
    t.is(code, 0, err)
    t.regex(err, there)
    t.regex(err, /1 left out/)
    t.is((await receiver.ended).code, 0)
  }
  t.is(Object.keys(await listing(dir)).filter((path) => /^tree\/\d+$/.test(path)).length, 700)
})
