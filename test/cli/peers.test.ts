import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { createDigest } from '../../lib/index.js'
import { identity } from '../../lib/peers/identity.js'
import { fingerprint, showKey } from '../../lib/peers/keys.js'
import { makeReceipt } from '../../lib/peers/receipt.js'
import { Command } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

/** A user with a home of their own. */
async function user(t: ExecutionContext<unknown>) {
  const home = join(await temporary(t), 'home')
  const sluice = (...args: string[]) => new Command(t, args, { env: { SLUICE_HOME: home } }).ended
  return { home, sluice }
}

const keyOf = (number: number) => new Uint8Array(32).fill(number)

test('identity prints the same key each time, and its fingerprint for people', async (t) => {
  const { home, sluice } = await user(t)
  const first = await sluice('identity')
  t.is(first.code, 0, first.err)
  const { publicKey } = await identity({ home })
  t.is(first.out, showKey(publicKey))
  t.is(first.err, `fingerprint: ${fingerprint(publicKey)}\n`)
  t.deepEqual(await sluice('identity'), first)
  const { out, err } = await sluice('identity', '--json')
  t.is(err, '')
  const told = { key: showKey(publicKey), fingerprint: fingerprint(publicKey) }
  t.deepEqual(JSON.parse(out), { version: 1, event: 'identity', ...told })
  if (process.platform === 'win32') return
  await chmod(join(home, 'identity.json'), 0o644)
  const refused = await sluice('identity')
  t.is(refused.code, 8)
  t.regex(refused.err, /^sluice: .*identity\.json is not used: others can read or write it \(mode 644\)/)
})

test('processes that start at once, for the first time, have one key', async (t) => {
  const { sluice } = await user(t)
  const all = await Promise.all(Array.from({ length: 5 }, () => sluice('identity')))
  t.deepEqual(new Set(all.map(({ out }) => out)).size, 1)
  for (const { code } of all) t.is(code, 0)
})

test('peers are added, listed and removed', async (t) => {
  const { home, sluice } = await user(t)
  const [key, print] = [showKey(keyOf(1)), fingerprint(keyOf(1))]
  const empty = await sluice('peers', 'list')
  t.deepEqual(empty, { code: 0, out: '', err: 'no peer is known\n' })
  const added = await sluice(
    'peers',
    'add',
    'anna',
    key.toUpperCase(),
    '192.0.2.1:7000',
    '[2001:db8::1]:7000',
  )
  t.deepEqual(added, { code: 0, out: '', err: `anna is known; fingerprint: ${print}\n` })
  const listed = await sluice('peers', 'list')
  t.is(listed.out, `anna  ${print}  192.0.2.1:7000  [2001:db8::1]:7000`)
  t.is(listed.err, '1 known peer\n')
  const told = { name: 'anna', key, fingerprint: print, addresses: ['192.0.2.1:7000', '[2001:db8::1]:7000'] }
  const json = await sluice('peers', 'list', '--json')
  t.deepEqual([JSON.parse(json.out), json.err], [{ version: 1, event: 'peer', ...told }, ''])
  const again = await sluice('peers', 'add', 'anna', key, 'h:1', '--json')
  t.deepEqual(JSON.parse(again.out), { version: 1, event: 'peer', ...told, addresses: ['h:1'] })
  const removed = await sluice('--json', 'peers', 'remove', 'anna')
  t.deepEqual(JSON.parse(removed.out), { version: 1, event: 'peer-removed', name: 'anna' })
  t.deepEqual(JSON.parse(await readFile(join(home, 'peers.json'), 'utf8')), { version: 1, peers: [] })
})

test('a changed key is an alarm with exit status 6, what is mistyped has 2', async (t) => {
  const { home, sluice } = await user(t)
  const key = showKey(keyOf(1))
  await sluice('peers', 'add', 'anna', key)
  const changed = await sluice('peers', 'add', 'anna', showKey(keyOf(2)))
  t.is(changed.code, 6)
  t.regex(changed.err, /^sluice: "anna" has another key than before: known is \S+, shown was \S+\./)
  const wrong: [string[], RegExp][] = [
    [['peers', 'add', 'bob', key.slice(0, -1)], /the key is cut: 70 of its 71 characters/],
    [['peers', 'add', 'bob', 'bob'], /given as a key is none/],
    [['peers', 'add', 'bob', key], /known already, as that of "anna"/],
    [['peers', 'add', 'bob:1', showKey(keyOf(3))], /name must be without : and \/, which are for addresses/],
    [['peers', 'add', 'bob', showKey(keyOf(3)), 'nowhere'], /must be HOST:PORT/],
    [['peers', 'add', 'bob'], /missing required argument 'key'; sluice peers add --help says more/],
    [['peers', 'remove', 'bob'], /"bob" is no known peer; known: "anna"; sluice peers add/],
    [
      ['receive', '--allow', 'bob'],
      /"bob" is no known peer; known: "anna"; sluice peers add makes somebody known/,
    ],
    [['peers', 'lst'], /unknown command 'lst' \(Did you mean list\?\)/],
    [['peers', 'list', '--dir', 'x'], /unknown option '--dir': it is one of sluice receive and unpack/],
  ]
  for (const [args, message] of wrong) {
    const { code, out, err } = await sluice(...args)
    t.deepEqual([code, out], [2, ''], args.join(' '))
    t.regex(err, message)
  }
  const peers = [{ name: '\u001b[2J', key, addresses: [] }]
  await writeFile(join(home, 'peers.json'), JSON.stringify({ version: 1, peers }))
  const damaged = await sluice('peers', 'list')
  t.is(damaged.code, 1)
  t.regex(damaged.err, /peers\.json is damaged: a name must be 1 to 64 printable characters/)
  t.false(damaged.err.includes('\u001b'))
})

/** A folder with files, and a receipt of them that this user has signed. */
async function signedScene(t: ExecutionContext<unknown>) {
  const { home, sluice } = await user(t)
  const content = { a: 'a', 'sub/b': Buffer.alloc(2_000_000, 'b') }
  const dir = await plant(await temporary(t), content)
  const digest = (bytes: string | Buffer) =>
    createDigest('blocks', bytes.length).update(Buffer.from(bytes)).digest().toString('hex')
  const files = Object.entries(content).map(([path, bytes]) => {
    return { path, size: bytes.length, digest: digest(bytes), status: 'published' as const }
  })
  const me = await identity({ home })
  const text = await makeReceipt(me, {
    id: 'f'.repeat(32),
    begin: 0,
    end: Date.UTC(2026, 0, 2),
    algorithm: 'blocks',
    sender: keyOf(1),
    handshakeHash: keyOf(2),
    files: [...files, { path: 'left', size: 1, status: 'skipped' }],
  })
  const receipt = join(await temporary(t), 'receipt.json')
  await writeFile(receipt, text)
  return { dir, receipt, text, me, sluice, stranger: (await user(t)).sluice }
}

test('verify tells of each file whether it is as it was received, and who has signed that', async (t) => {
  const { dir, receipt, me, sluice, stranger } = await signedScene(t)
  const print = fingerprint(me.publicKey)
  const { code, out, err } = await sluice('verify', receipt, dir)
  t.is(code, 0, err)
  t.is(out, 'equal      a\nequal      sub/b\nunchecked  left')
  const summary = '2 files as received, 0 different, 0 missing, 1 not checked, since they were not received'
  t.is(err, `signed at 2026-01-02T00:00:00.000Z by you (${print})\n${summary}\n`)
  t.regex((await stranger('verify', receipt, dir)).err, /by a peer that is not known here \(/)
  await stranger('peers', 'add', 'anna', showKey(me.publicKey))
  t.regex((await stranger('verify', receipt, dir)).err, /by "anna" \(/)
})

test('a file that differs or is missing has exit status 5', async (t) => {
  const { dir, receipt, me, sluice } = await signedScene(t)
  await writeFile(join(dir, 'a'), 'x')
  const { code, out, err } = await sluice('verify', receipt, dir)
  t.is(code, 5)
  t.regex(out, /^differs {4}a$/m)
  t.regex(err, /^sluice: 1 file not as received; the first: a has other content than was received$/m)
  const json = await sluice('verify', receipt, join(dir, 'sub'), '--json')
  t.is(json.code, 5)
  const events = json.out.split('\n').map((line) => JSON.parse(line))
  t.deepEqual(
    events.map(({ event, path, status, code: why }) => [event, path, status, why]),
    [
      ['receipt', undefined, undefined, undefined],
      ['verified', 'a', 'missing', 'ERR_NO_SUCH_FILE'],
      ['verified', 'sub/b', 'missing', 'ERR_NO_SUCH_FILE'],
      ['verified', 'left', 'unchecked', undefined],
      ['error', 'a', undefined, 'ERR_DIGEST'],
    ],
  )
  t.is(events[0].signedBy, showKey(me.publicKey))
})

test('a receipt that was changed, or signed by somebody else than was asked for, has exit status 6', async (t) => {
  const { dir, receipt, text, me, sluice, stranger } = await signedScene(t)
  const anna = ['--by', showKey(me.publicKey)]
  t.is((await stranger('verify', receipt, dir, ...anna)).code, 0)
  const other = await stranger('verify', receipt, dir, '--by', showKey(keyOf(5)))
  t.is(other.code, 6)
  t.is(other.out, '')
  t.regex(other.err, /was signed by somebody else \(.*\), not by "sluicekey1/)
  await stranger('peers', 'add', 'anna', showKey(me.publicKey))
  t.is((await stranger('verify', receipt, dir, '--by', 'anna')).code, 0)
  t.is((await stranger('verify', receipt, dir, '--by', 'bob')).code, 2)
  await writeFile(receipt, text.replace('"path": "a"', '"path": "b"'))
  const changed = await sluice('verify', receipt, dir)
  t.is(changed.code, 6)
  t.is(changed.out, '')
  t.regex(changed.err, /receipt\.json is not what its receiver \(.*\) has signed: it was changed/)
  t.is((await sluice('verify', join(dir, 'a'), dir)).code, 1)
  t.is((await sluice('verify', join(dir, 'none'), dir)).code, 2)
  t.is((await sluice('verify', receipt, join(dir, 'none'))).code, 6)
  await writeFile(receipt, text)
  t.is((await sluice('verify', receipt, join(dir, 'none'))).code, 2)
})
