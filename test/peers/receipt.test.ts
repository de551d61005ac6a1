import { createHash } from 'node:crypto'
import { appendFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { manifestFrom, receive, send } from '../../lib/index.js'
import { type Identity, identity, signed } from '../../lib/peers/identity.js'
import { showKey } from '../../lib/peers/keys.js'
import { makeReceipt, type ReceiptOptions, readReceipt, receiptFiles } from '../../lib/peers/receipt.js'
import { verifyReceipt } from '../../lib/peers/verify-receipt.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { duplexPair } from '../../lib/testing/index.js'
import { plant, temporary } from '../helpers/folders.js'
import { scale } from '../helpers/scale.js'

const newIdentity = (): Promise<Identity> => identity({ home: '/h', fs: new MemoryDisk() })
const me = await newIdentity()
const sender = new Uint8Array(32).fill(3)
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

const FACTS: ReceiptOptions = {
  id: '0123456789abcdef0123456789abcdef',
  begin: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  end: Date.UTC(2026, 0, 2, 3, 5),
  algorithm: 'sha256',
  sender,
  handshakeHash: new Uint8Array(64).fill(9),
  files: [
    { path: 'a', size: 1, digest: sha256('a'), status: 'published' },
    { path: 'sub/b', name: 'sub/b_1', size: 2, digest: sha256('bb'), status: 'published' },
    { path: 'c "\n\u001b é', size: null, status: 'failed', code: 'ERR_SOURCE_READ' },
  ],
}

test('a receipt says what was received and by whom, in a document for people and programs', async (t) => {
  const text = await makeReceipt(me, FACTS)
  t.deepEqual(await readReceipt(text), { ...FACTS, receiver: me.publicKey })
  const { sluiceReceipt, begin, end, receiver, sender: from, signature } = JSON.parse(text)
  t.is(sluiceReceipt, 1)
  t.is(begin, '2026-01-02T03:04:05.006Z')
  t.is(end, '2026-01-02T03:05:00.000Z')
  t.is(receiver, showKey(me.publicKey))
  t.is(from, showKey(sender))
  // what is signed is the text before the last member, and nothing else
  const head = text.slice(0, text.lastIndexOf(',\n  "signature"'))
  t.is(signature, Buffer.from(signed(me, Buffer.from(head))).toString('hex'))
})

const CODES = ['ERR_IDENTITY', 'ERR_PARSE', 'ERR_SCHEMA']

test('each byte of a receipt that is changed, removed or added is noticed', async (t) => {
  const bytes = Buffer.from(await makeReceipt(me, FACTS))
  const isNoticed = async (changed: Buffer, what: string) => {
    // as the command reads it: what is no UTF-8 does not come so far
    let text: string
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(changed)
    } catch {
      return
    }
    const error = await t.throwsAsync<Error & { code: string }>(readReceipt(text), undefined, what)
    t.true(CODES.includes(error.code), `${what}: ${error.code}`)
  }
  for (let at = 0; at < bytes.length; at += scale(3, 1, 1)) {
    for (const by of [1, 0x20]) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= by
      await isNoticed(changed, `byte ${at} changed by ${by}`)
    }
    await isNoticed(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]), `byte ${at} removed`)
    const space = Buffer.concat([bytes.subarray(0, at), Buffer.from(' '), bytes.subarray(at)])
    await isNoticed(space, `a space before byte ${at}`)
  }
  await isNoticed(Buffer.concat([bytes, Buffer.from('\n')]), 'a line feed at the end')
})

test('a receipt that somebody else has signed, or that was written anew, does not hold', async (t) => {
  const text = await makeReceipt(me, FACTS)
  const other = await newIdentity()
  const forged = text.replace(showKey(me.publicKey), showKey(other.publicKey))
  await t.throwsAsync(readReceipt(forged, 'r.json'), {
    code: 'ERR_IDENTITY',
    message: /^r\.json is not what its receiver \([a-z2-7-]{24}\) has signed/,
  })
  const less = text.replace(/ {4}\{\n {6}"path": "a",[^}]*\},\n/, '')
  t.not(less, text)
  await t.throwsAsync(readReceipt(less), { code: 'ERR_IDENTITY' })
  const anew = JSON.stringify(JSON.parse(text))
  await t.throwsAsync(readReceipt(anew), { code: 'ERR_PARSE', message: /or was written anew/ })
  for (const none of ['', '{}', 'null', text.slice(0, 300)])
    await t.throwsAsync(readReceipt(none), { code: 'ERR_PARSE', message: /is no receipt/ })
  await t.throwsAsync(readReceipt(text.replace('"sluiceReceipt": 1', '"sluiceReceipt": 2')), {
    code: 'ERR_SCHEMA',
    message: /\/sluiceReceipt must be equal to constant \(1\)/,
  })
  await t.throwsAsync(readReceipt(undefined as never), { code: 'ERR_USAGE' })
})

test('whatever a receipt is made of, it says the same when it is read', async (t) => {
  const hex = fc
    .uint8Array({ minLength: 1, maxLength: 64 })
    .map((bytes) => Buffer.from(bytes).toString('hex'))
  const file = fc
    .record(
      {
        path: fc.string({ unit: 'binary', maxLength: 50 }),
        name: fc.string({ maxLength: 50 }),
        size: fc.option(fc.maxSafeNat()),
        digest: hex,
        status: fc.constantFrom('published' as const, 'skipped' as const, 'failed' as const),
      },
      { requiredKeys: ['path', 'size', 'status'] },
    )
    .filter(({ status, digest }) => status !== 'published' || digest !== undefined)
  await fc.assert(
    fc.asyncProperty(
      fc.array(file),
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(2e12) }),
      async (files, end) => {
        const facts = { ...FACTS, files, end: end.getTime() }
        const found = await readReceipt(await makeReceipt(me, facts))
        t.deepEqual(JSON.parse(JSON.stringify(found.files)), JSON.parse(JSON.stringify(files)))
        t.is(found.end, facts.end)
      },
    ),
  )
})

test('what cannot stand in a receipt is refused when it is made', async (t) => {
  const wrong: [object, string][] = [
    [{ sender: sender.subarray(1) }, 'ERR_USAGE'],
    [{ begin: Number.NaN }, 'ERR_USAGE'],
    [{ handshakeHash: 'hash' }, 'ERR_USAGE'],
    [{ hash: 'sha256' }, 'ERR_USAGE'],
    [{ handshakeHash: new Uint8Array(0) }, 'ERR_SCHEMA'],
    [{ files: [{ path: 'a', size: -1, status: 'published' }] }, 'ERR_SCHEMA'],
    [{ files: [{ path: 'a', size: 1, status: 'good' }] }, 'ERR_SCHEMA'],
    [{ files: [{ path: 'a', size: 1, status: 'published' }] }, 'ERR_SCHEMA'],
    [{ files: undefined }, 'ERR_SCHEMA'],
  ]
  for (const [change, code] of wrong)
    await t.throwsAsync(makeReceipt(me, { ...FACTS, ...change } as never), { code }, JSON.stringify(change))
})

/** What verifying gives, as one line for each file. */
async function verified(facts: ReceiptOptions, dir: string): Promise<string[]> {
  const receipt = await readReceipt(await makeReceipt(me, facts))
  const lines: string[] = []
  for await (const { path, status, error } of verifyReceipt(receipt, dir))
    lines.push([status, path, ...(error ? [error.code] : [])].join(' '))
  return lines
}

test('the files of a folder are compared with a receipt, one by one, where they stand', async (t) => {
  const dir = await plant(await temporary(t), { a: 'a', 'sub/b': 'xx', 'sub/b_1': 'bb' })
  const last = `unchecked ${FACTS.files[2]!.path}`
  t.deepEqual(await verified(FACTS, dir), ['equal a', 'equal sub/b_1', last])
  await writeFile(join(dir, 'a'), 'b')
  await rm(join(dir, 'sub/b_1'))
  t.deepEqual(await verified(FACTS, dir), ['differs a ERR_DIGEST', 'missing sub/b_1 ERR_NO_SUCH_FILE', last])
  await appendFile(join(dir, 'a'), 'more')
  const receipt = await readReceipt(await makeReceipt(me, FACTS))
  const { value } = await verifyReceipt(receipt, dir).next()
  t.is(value?.error?.message, 'a has 5 bytes, not 1')
  await rm(join(dir, 'sub'), { recursive: true })
  t.deepEqual(await verified(FACTS, dir), ['differs a ERR_DIGEST', 'missing sub/b_1 ERR_NO_SUCH_FILE', last])
})

test('no path of a receipt leads out of the folder, nor through a link', async (t) => {
  const top = await plant(await temporary(t), { a: 'a', 'dir/x': '', 'dir/file': 'a', 'there/b': 'a' })
  const dir = join(top, 'dir')
  await mkdir(join(dir, 'folder'))
  if (process.platform !== 'win32') {
    await symlink('../a', join(dir, 'link'))
    await symlink('../there', join(dir, 'to'))
  }
  const paths = [
    '../a',
    `${top}/a`,
    '..',
    '.',
    '',
    '/',
    'file/',
    'folder',
    'a\0',
    'link',
    'to/b',
    'file/a',
    './file',
  ]
  const files = paths.map((path) => ({ path, size: 1, digest: sha256('a'), status: 'published' as const }))
  const lines = await verified({ ...FACTS, files }, dir)
  for (const line of lines) t.notRegex(line, /^equal/)
  // what is no plain name is not even looked at
  for (const path of ['../a', '..', '.', '', 'file/', './file'])
    t.true(lines.includes(`differs ${path} ERR_PATH`), path)
  const good = [{ ...files[0]!, path: 'file' }]
  t.deepEqual(await verified({ ...FACTS, files: good }, dir), ['equal file'])
})

test('an algorithm that is not here, a folder that is not there, and an end by signal are errors', async (t) => {
  const dir = await plant(await temporary(t), { a: 'a' })
  await t.throwsAsync(verified({ ...FACTS, algorithm: 'sha-none' }, dir), { code: 'ERR_UNSUPPORTED' })
  await t.throwsAsync(verified(FACTS, join(dir, 'none')), { code: 'ERR_WRITE' })
  const receipt = await readReceipt(await makeReceipt(me, FACTS))
  const reason = new Error('enough')
  const all = verifyReceipt(receipt, dir, { signal: AbortSignal.abort(reason) })
  t.is(await t.throwsAsync(all.next()), reason)
  await t.throwsAsync(verifyReceipt(receipt, dir, { sgnal: 1 } as never).next(), { code: 'ERR_USAGE' })
})

/** A transfer, and what its receiver would sign. */
async function transferred(t: ExecutionContext<unknown>, algorithm: string) {
  const from = await plant(await temporary(t), {
    'tree/empty': '',
    'tree/small': 'small',
    'tree/taken': 'new',
    'tree/same': 'same',
    'tree/large': Buffer.alloc(3_000_001, 7),
    'tree/folder': null,
  })
  const dir = await plant(await temporary(t), { 'tree/taken': 'old', 'tree/same': 'same' })
  const [one, other] = duplexPair()
  const sending = send(one, [join(from, 'tree')], { algorithm })
  const receiving = receive(other, { dir, accept: 'all' })
  const [{ files }] = await Promise.all([receiving.finished, sending.finished])
  return { dir, facts: { ...FACTS, algorithm, files: receiptFiles(files) } }
}

for (const algorithm of ['sha256', 'blake3', 'blocks'])
  test(`what a transfer has put there by ${algorithm} is what its receipt says`, async (t) => {
    const { dir, facts } = await transferred(t, algorithm)
    const expected = ['empty', 'large', 'same', 'small', 'taken_1'].map((name) => `equal tree/${name}`)
    t.deepEqual((await verified(facts, dir)).sort(), expected)
    await rename(join(dir, 'tree/taken'), join(dir, 'tree/taken_1'))
    const changed = (await verified(facts, dir)).filter((line) => !line.startsWith('equal'))
    t.deepEqual(changed, ['differs tree/taken_1 ERR_DIGEST'])
  })

test('so is what came from a stream, whose size nobody knew', async (t) => {
  const dir = await temporary(t)
  const source = Readable.from([Buffer.alloc(2_500_000, 5)])
  const [one, other] = duplexPair()
  const sending = send(one, manifestFrom(source, { name: 'stream', algorithm: 'blocks' }))
  const receiving = receive(other, { dir, accept: 'all' })
  const [{ files }] = await Promise.all([receiving.finished, sending.finished])
  const facts = { ...FACTS, algorithm: 'blocks', files: receiptFiles(files) }
  t.is(facts.files[0]?.size, null)
  t.deepEqual(await verified(facts, dir), ['equal stream'])
})
