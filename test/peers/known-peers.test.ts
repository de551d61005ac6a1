import test from 'ava'
import { OPEN } from '../../lib/files/index.js'
import { fingerprint, showKey } from '../../lib/peers/keys.js'
import { KnownPeers } from '../../lib/peers/known-peers.js'
import { encodeTicket } from '../../lib/peers/ticket.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { temporary } from '../helpers/folders.js'

const HOME = '/home/anna/sluice'
const FILE = `${HOME}/peers.json`

const keyOf = (number: number) => new Uint8Array(32).fill(number)
const anna = { name: 'anna', key: keyOf(1), addresses: ['192.0.2.1:7000'] }
const bob = { name: "Bob's laptop, 2nd", key: keyOf(2), addresses: [] }

function setup(content?: string) {
  const fs = new MemoryDisk()
  fs.putFolder('/home')
  fs.putFolder('/home/anna')
  if (content !== undefined) {
    fs.putFolder(HOME)
    fs.put(FILE, content)
  }
  return { fs, peers: new KnownPeers({ home: HOME, fs }) }
}

const contentOf = async (fs: MemoryDisk) => {
  const fd = await fs.open(FILE, OPEN.read)
  const bytes = Buffer.alloc(10_000)
  const read = await fs.read(fd, bytes, 0, bytes.length, 0)
  await fs.close(fd)
  return bytes.toString('utf8', 0, read)
}

const fileOf = (...peers: object[]) => JSON.stringify({ version: 1, peers })
const line = { name: 'anna', key: showKey(keyOf(1)), addresses: ['192.0.2.1:7000'] }

test('peers are found by name and by key, also by another process, until they are removed', async (t) => {
  const { fs, peers } = setup()
  t.deepEqual(await peers.list(), [])
  t.is(await peers.find('anna'), undefined)
  await t.throwsAsync(fs.stat(HOME), { code: 'ENOENT' })
  await peers.add(anna)
  await peers.add(bob)
  const others = new KnownPeers({ home: HOME, fs })
  t.deepEqual(await others.list(), [anna, bob])
  t.deepEqual(await others.find('anna'), anna)
  t.deepEqual(await others.findByKey(keyOf(2)), bob)
  t.is(await others.findByKey(keyOf(3)), undefined)
  await others.remove('anna')
  t.deepEqual(await peers.list(), [bob])
  const message = /"anna" is no known peer; known: "Bob's laptop, 2nd"/
  await t.throwsAsync(peers.remove('anna'), { code: 'ERR_USAGE', message })
  t.is((await fs.stat(FILE)).mode & 0o777, 0o600)
  t.is((await fs.stat(HOME)).mode & 0o777, 0o700)
})

test('many that are added at once are all there', async (t) => {
  const { fs } = setup()
  const add = (n: number) =>
    new KnownPeers({ home: HOME, fs }).add({ name: `p${n}`, key: keyOf(n), addresses: [] })
  await Promise.all(Array.from({ length: 10 }, (_, n) => add(n)))
  t.is((await new KnownPeers({ home: HOME, fs }).list()).length, 10)
})

test('a changed key of a known name is an alarm with both fingerprints, and changes nothing', async (t) => {
  const { peers } = setup(fileOf(line))
  for (const put of [
    () => peers.add({ ...anna, key: keyOf(9) }),
    () => peers.remember('anna', keyOf(9), ['192.0.2.66:1']),
  ]) {
    const error = await t.throwsAsync(put(), { code: 'ERR_IDENTITY' })
    t.true(error?.message.includes(fingerprint(keyOf(1))))
    t.true(error?.message.includes(fingerprint(keyOf(9))))
  }
  t.deepEqual(await peers.list(), [anna])
})

test('a key has one name', async (t) => {
  const { peers } = setup(fileOf(line))
  const message = /is known already, as that of "anna"/
  await t.throwsAsync(peers.add({ ...anna, name: 'ann' }), { code: 'ERR_USAGE', message })
  await t.throwsAsync(peers.remember('ann', anna.key, []), { code: 'ERR_USAGE', message })
})

test('the addresses that worked last come first, and no more than eight are kept', async (t) => {
  const { peers } = setup()
  await peers.remember('anna', keyOf(1), ['h:1', 'tcp:h:2'])
  await peers.remember('anna', keyOf(1), ['h:3', 'h:1'])
  t.deepEqual((await peers.find('anna'))?.addresses, ['h:3', 'h:1', 'h:2'])
  for (let n = 10; n < 30; n++) await peers.remember('anna', keyOf(1), [`h:${n}`])
  t.deepEqual(
    (await peers.find('anna'))?.addresses,
    [29, 28, 27, 26, 25, 24, 23, 22].map((n) => `h:${n}`),
  )
  await peers.add({ name: 'anna', key: keyOf(1), addresses: ['h:5'] })
  t.deepEqual((await peers.find('anna'))?.addresses, ['h:5'])
})

test('a known peer is looked for first where it was reached; somebody unknown stays so', async (t) => {
  const { peers } = setup()
  await peers.add({ name: 'anna', key: keyOf(1), addresses: ['h:1', 'h:2'], allowed: { bytes: 5 } })
  for (const [address, addresses] of [
    ['h:2', ['h:2', 'h:1']],
    ['h:3', ['h:3', 'h:2', 'h:1']],
    ['h:3', ['h:3', 'h:2', 'h:1']],
  ] as const) {
    await peers.reached(keyOf(1), address)
    t.deepEqual(await peers.find('anna'), { name: 'anna', key: keyOf(1), addresses, allowed: { bytes: 5 } })
  }
  await peers.reached(keyOf(2), 'h:9')
  t.is((await peers.list()).length, 1)
})

test('a peer that is removed while it is reached stays removed', async (t) => {
  const { peers } = setup()
  await peers.add({ name: 'anna', key: keyOf(1), addresses: ['h:1'] })
  const removed = peers.remove('anna')
  await Promise.all([removed, peers.reached(keyOf(1), 'h:2')])
  t.deepEqual(await peers.list(), [])
})

test('a name is printable, and is taken for nothing else; no ticket is shown in the error', async (t) => {
  const { peers } = setup()
  const ticket = encodeTicket({ addresses: ['h:1'], publicKey: keyOf(1), secret: new Uint8Array(16) })
  const wrong = [
    '',
    ' anna',
    'an\nna',
    '\u001b[2J',
    'x\u202ey',
    'x'.repeat(65),
    'host:7000',
    'a/b',
    './a',
    '-x',
    '--yes',
    showKey(keyOf(1)),
    ticket,
    ticket.slice(0, 40),
    undefined,
  ]
  for (const name of wrong as string[]) {
    const error = await t.throwsAsync(peers.add({ ...anna, name }), { code: 'ERR_USAGE' }, name)
    t.false(error?.message.includes(ticket.slice(0, 30)))
  }
  const removing = await t.throwsAsync(peers.remove(ticket), { code: 'ERR_USAGE' })
  t.false(removing?.message.includes(ticket.slice(0, 30)))
  for (const name of ['x'.repeat(64), 'Änne', '李', 'a.b', 'me@home', '1', '🐟'.repeat(64)]) {
    await peers.add({ ...anna, name })
    await peers.remove(name)
  }
  await t.throwsAsync(peers.add({ ...anna, key: keyOf(1).subarray(1) }), { code: 'ERR_USAGE' })
  await t.throwsAsync(peers.add({ ...anna, addresses: ['nowhere'] }), { code: 'ERR_USAGE' })
  await t.throwsAsync(peers.add({ ...anna, address: 'h:1' } as never), { code: 'ERR_USAGE' })
})

const DAMAGED: Record<string, [content: string, code: string, message: RegExp]> = {
  nothing: ['', 'ERR_PARSE', /peers\.json/],
  'no JSON': ['{"version":1', 'ERR_PARSE', /peers\.json/],
  'a list': ['[]', 'ERR_SCHEMA', /must be object/],
  'another version': ['{"version":2,"peers":[]}', 'ERR_SCHEMA', /\/version must be equal to constant \(1\)/],
  'an unknown member': ['{"version":1,"peers":[],"x":1}', 'ERR_SCHEMA', /additional properties/],
  'a mistyped key': [
    fileOf({ ...line, key: line.key.replace(/.$/, 'q') }),
    'ERR_SCHEMA',
    /the key is mistyped/,
  ],
  'one name twice': [fileOf(line, { ...line, key: showKey(keyOf(2)) }), 'ERR_SCHEMA', /"anna".* twice/],
  'one key twice': [fileOf(line, { ...line, name: 'ann' }), 'ERR_SCHEMA', /"ann".* twice/],
  'an escape in a name': [fileOf({ ...line, name: 'a\u001b[2J' }), 'ERR_SCHEMA', /"a\\u\{1b\}\[2J"/],
  'an escape in an address': [fileOf({ ...line, addresses: ['h:\u001b[2J'] }), 'ERR_SCHEMA', /\\u\{1b\}/],
  'too many addresses': [fileOf({ ...line, addresses: Array(9).fill('h:1') }), 'ERR_SCHEMA', /more than 8/],
}

for (const [what, [content, code, message]] of Object.entries(DAMAGED))
  test(`a damaged file is refused, and stays as it is: ${what}`, async (t) => {
    const { fs, peers } = setup(content)
    const calls = [
      () => peers.list(),
      () => peers.find('anna'),
      () => peers.add(bob),
      () => peers.remember('bob', keyOf(2), []),
      () => peers.remove('anna'),
    ]
    for (const call of calls) {
      const error = await t.throwsAsync(call(), { code, message })
      t.false(error?.message.includes('\u001b'))
    }
    t.is(await contentOf(fs), content)
  })

test('a file that is too large to be one of known peers is neither read nor changed', async (t) => {
  const { peers } = setup(' '.repeat(32 * 1024 * 1024 + 1))
  const expectation = { code: 'ERR_LIMIT', message: /peers\.json is larger than .* move it away/ } as const
  await t.throwsAsync(peers.list(), expectation)
  await t.throwsAsync(peers.add(anna), expectation)
})

test('a folder to which others may write is not used: they could have put a peer there', async (t) => {
  const { fs, peers } = setup(fileOf(line))
  const fd = await fs.open(HOME, OPEN.folder)
  await fs.fchmod(fd, 0o777)
  await fs.close(fd)
  await t.throwsAsync(peers.find('anna'), { code: 'ERR_PERMISSION', message: /chmod 755/ })
  await t.throwsAsync(peers.add(bob), { code: 'ERR_PERMISSION' })
})

test('a file to which others may write, or that is a link, is not used: they could have put a peer there', async (t) => {
  const replaced: Record<string, (fs: MemoryDisk) => Promise<void>> = {
    async ERR_PERMISSION(fs) {
      const fd = await fs.open(FILE, OPEN.read)
      await fs.fchmod(fd, 0o666)
      await fs.close(fd)
    },
    async ERR_UNSAFE_LINK(fs) {
      await fs.rename(FILE, '/home/elsewhere')
      await fs.symlink('/home/elsewhere', FILE)
    },
  }
  for (const [code, replace] of Object.entries(replaced)) {
    const { fs, peers } = setup(fileOf(line))
    await replace(fs)
    const before = await fs.lstat(FILE)
    for (const call of [() => peers.list(), () => peers.add(bob), () => peers.remove('anna')])
      await t.throwsAsync(call(), { code }, code)
    t.is((await fs.lstat(FILE)).ino, before.ino)
  }
})

test('on the disk of this machine nothing is left beside the file', async (t) => {
  const home = await temporary(t)
  const peers = new KnownPeers({ home })
  await peers.add(anna)
  t.deepEqual(await peers.list(), [anna])
  const { readdir } = await import('node:fs/promises')
  t.deepEqual(await readdir(home), ['peers.json'])
})

test('what a peer is allowed is kept until it is changed, whatever addresses it gets', async (t) => {
  const { fs, peers } = setup(fileOf(line))
  t.deepEqual(await peers.list(), [{ ...anna }])
  const allowed = { dir: 'inbox/anna', bytes: 1000, files: 3 }
  await peers.add({ ...anna, allowed })
  await peers.add({ ...anna, addresses: ['h:1'] })
  await peers.remember('anna', anna.key, ['h:2'])
  const others = new KnownPeers({ home: HOME, fs })
  t.deepEqual(await others.get('anna'), { ...anna, addresses: ['h:2', 'h:1'], allowed })
  await peers.allow('anna', { bytes: 5 })
  t.deepEqual((await others.get('anna')).allowed, { bytes: 5 })
  await t.throwsAsync(peers.allow('carl', {}), { code: 'ERR_USAGE', message: /carl/ })
  for (const wrong of [
    { dir: '../x' },
    { dir: '/etc/../x' },
    { dir: '' },
    { bytes: -1 },
    { files: 1.5 },
    { fiels: 1 } as never,
  ])
    await t.throwsAsync(peers.allow('anna', wrong), { code: 'ERR_USAGE' })
  t.deepEqual((await others.get('anna')).allowed, { bytes: 5 })
})

test('a file in which what a peer is allowed makes no sense is damaged', async (t) => {
  for (const allowed of [
    { bytes: '1' },
    { dir: 'a/../../b' },
    { dir: '/etc/../x' },
    { files: -1 },
    { others: 1 },
    3,
  ]) {
    const { peers } = setup(fileOf({ ...line, allowed }))
    await t.throwsAsync(peers.list(), { code: 'ERR_SCHEMA' })
  }
})
