import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { identity } from '../../lib/peers/identity.js'
import { showKey } from '../../lib/peers/keys.js'
import { makeReceipt, type ReceiptFile, readReceipt } from '../../lib/peers/receipt.js'
import { Command } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

/** Two users, and what one of them has. */
async function scene(t: ExecutionContext<unknown>) {
  const root = await temporary(t)
  const source = await plant(join(root, 'source'), {
    a: 'a',
    'sub/b': Buffer.alloc(2_000_000, 'b'),
    empty: '',
  })
  const user = (name: string) => {
    const home = join(root, name)
    return { home, command: (...args: string[]) => new Command(t, args, { env: { SLUICE_HOME: home } }) }
  }
  return {
    root,
    source,
    dir: join(root, 'in'),
    receipt: join(root, 'receipt.json'),
    anna: user('anna'),
    bob: user('bob'),
  }
}

test('a receipt says what was received, by whom, and verify holds it against the files', async (t) => {
  const { source, dir, receipt, anna, bob } = await scene(t)
  const listening = ['receive', '--listen', '127.0.0.1:0', '--once', '--yes', '--dir', dir]
  const receiver = bob.command(...listening, '--receipt', receipt)
  const sent = await anna.command(
    'send',
    join(source, 'a'),
    join(source, 'sub'),
    '--to',
    await receiver.line(),
  ).ended
  t.is(sent.code, 0, sent.err)
  const { code, err } = await receiver.ended
  t.is(code, 0, err)
  t.regex(err, /^receipt: .*receipt\.json$/m)
  const said = await readReceipt(await readFile(receipt, 'utf8'))
  t.deepEqual(Buffer.from(said.sender), Buffer.from((await identity({ home: anna.home })).publicKey))
  t.deepEqual(Buffer.from(said.receiver), Buffer.from((await identity({ home: bob.home })).publicKey))
  t.is(said.handshakeHash.length, 64)
  t.true(said.begin <= said.end && Date.now() - said.begin < 60_000)
  t.deepEqual(
    said.files.map(({ path, status }) => [path, status]),
    [
      ['a', 'published'],
      ['sub/b', 'published'],
    ],
  )
  const verified = await anna.command('verify', receipt, dir).ended
  t.is(verified.code, 0, verified.err)
  t.is(verified.out, 'equal      a\nequal      sub/b')
  await writeFile(join(dir, 'a'), 'x')
  t.is((await anna.command('verify', receipt, dir).ended).code, 5)
  const text = await readFile(receipt, 'utf8')
  await writeFile(receipt, text.replace('"path": "a"', '"path": "c"'))
  t.is((await anna.command('verify', receipt, dir).ended).code, 6)
})

test('who connects gets a receipt, too, also of what was there already', async (t) => {
  const { source, root, dir, anna, bob } = await scene(t)
  for (const name of ['first.json', 'second.json']) {
    const sender = anna.command('send', join(source, 'sub'), '--listen', '127.0.0.1:0')
    const receipt = join(root, name)
    const received = await bob.command(
      'receive',
      await sender.line(),
      '--yes',
      '--dir',
      dir,
      '--receipt',
      receipt,
    ).ended
    t.is(received.code, 0, received.err)
    t.is((await sender.ended).code, 0)
    const { files } = await readReceipt(await readFile(receipt, 'utf8'))
    t.deepEqual(
      files.map(({ status }) => status),
      [name === 'first.json' ? 'published' : 'skipped'],
    )
    const verified = await anna.command('verify', receipt, dir).ended
    t.is(verified.out, 'equal      sub/b')
  }
})

test('there is a receipt of a transfer of which files failed, and none of one that was rejected', async (t) => {
  const { source, root, dir, anna, bob } = await scene(t)
  await plant(dir, { a: 'mine' })
  for (const isAccepted of [true, false]) {
    const sender = anna.command('send', join(source, 'a'), join(source, 'sub'), '--listen', '127.0.0.1:0')
    const receipt = join(root, `${isAccepted}.json`)
    const given = ['--dir', dir, '--receipt', receipt, '--conflict', 'fail', ...(isAccepted ? ['--yes'] : [])]
    const received = await bob.command('receive', await sender.line(), ...given).ended
    t.is(received.code, isAccepted ? 1 : 3, received.err)
    if (!isAccepted) return void (await t.throwsAsync(readFile(receipt), { code: 'ENOENT' }))
    const { files } = await readReceipt(await readFile(receipt, 'utf8'))
    t.deepEqual(
      files.map(({ path, status, code }) => [path, status, code]),
      [
        ['a', 'failed', 'ERR_CONFLICT'],
        ['sub/b', 'published', undefined],
      ],
    )
  }
})

test('verify fails where nothing is verified, and says whom it does not know', async (t) => {
  const { source, receipt, anna, bob } = await scene(t)
  const receiver = await identity({ home: bob.home })
  const sender = (await identity({ home: anna.home })).publicKey
  const verified = async (files: ReceiptFile[], ...args: string[]) => {
    const facts = { id: 'i', begin: 0, end: 1, algorithm: 'sha256', sender, handshakeHash: sender, files }
    await writeFile(receipt, await makeReceipt(receiver, facts))
    return anna.command('verify', receipt, source, ...args).ended
  }
  const digest = createHash('sha256').update('a').digest('hex')
  const a: ReceiptFile = { path: 'a', size: 1, digest, status: 'published' }
  const failed: ReceiptFile = { path: 'f', size: 1, status: 'failed', code: 'ERR_CONFLICT' }
  const there: ReceiptFile = { path: 'empty', size: 0, status: 'skipped' }
  const cases: [ReceiptFile[], number, RegExp][] = [
    [[], 1, /^sluice: nothing could be compared/m],
    [[there], 1, /^sluice: nothing could be compared/m],
    [[failed], 1, /^sluice: 1 file failed at the receiver, as the receipt says; the first: f$/m],
    [[a, failed], 1, /^1 file as received, 0 different, 0 missing, 1 that failed there, says/m],
    [[a, there], 0, /, 1 not checked, since they were not received, says a peer that is not/m],
    [[{ ...a, path: 'empty' }, failed], 5, /1 file not as received; the first: empty/],
  ]
  for (const [files, code, message] of cases) {
    const ended = await verified(files)
    t.is(ended.code, code, ended.err)
    t.regex(ended.err, message)
  }
  t.regex((await verified([a])).err, /says a peer that is not known here; --by KEY makes sure who it was\n$/)
  await anna.command('peers', 'add', 'bob', showKey(receiver.publicKey)).ended
  const known = await verified([a], '--by', 'bob')
  t.is(known.code, 0, known.err)
  t.notRegex(known.err, /makes sure/)
  const unknown = await verified([a], '--by', 'carol')
  t.is(unknown.code, 2)
  t.regex(
    unknown.err,
    /"carol" is neither a key nor a known peer; known: "bob"; sluice peers add makes somebody known$/m,
  )
})

test('a receipt that could not be written, or would prove nothing, is refused before anything is transferred', async (t) => {
  const { source, root, dir, bob } = await scene(t)
  const there = join(source, 'a')
  const refused: [string[], RegExp][] = [
    [['--once', '--receipt', there], /--receipt: .*a exists already; give another name/],
    [['--once', '--receipt', join(root, 'none', 'r')], /--receipt: the folder of .*r does not exist/],
    [['--receipt', join(root, 'r')], /--receipt is for one transfer: add --once/],
    [['--once', '--plain', '--receipt', join(root, 'r')], /over an address alone nobody proves a key/],
    [['127.0.0.1:1', '--receipt', join(root, 'r')], /over an address alone nobody proves a key/],
    [['--stdio', '--receipt', join(root, 'r')], /over an address alone nobody proves a key/],
  ]
  for (const [args, message] of refused) {
    const { code, out, err } = await bob.command('receive', '--dir', dir, '--yes', ...args).ended
    t.deepEqual([code, out], [2, ''], args.join(' '))
    t.regex(err, message)
  }
  t.is(await readFile(there, 'utf8'), 'a')
})
