import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { receive, send } from '../../lib/index.js'
import { duplexPair, randomContent } from '../../lib/testing/index.js'
import { listing, plant, temporary } from '../helpers/folders.js'
import { ALICE, BOB, both, recordedPair, recordLengths, SAID, whenClosed } from '../helpers/secure.js'
import { connection } from '../helpers/sockets.js'

type Tree = Parameters<typeof plant>[1]

/** Sends a tree over a secure channel, from the dialler to the listener or back. */
async function transfer(
  t: ExecutionContext,
  raw: readonly [Duplex, Duplex],
  tree: Tree,
  { secret, from = 0 }: { secret?: Buffer; from?: 0 | 1 } = {},
) {
  const dir = await temporary(t)
  const source = await plant(join(dir, 'source'), tree)
  const target = await plant(join(dir, 'target'), { '.': null })
  const ends = await both(raw, { secret })
  const sending = send(ends[from], [source])
  const receiving = receive(ends[1 - from]!, { dir: target, accept: 'all' })
  await Promise.all([sending.finished, receiving.finished])
  await Promise.all([...ends, ...raw].map(whenClosed))
  t.deepEqual(await listing(join(target, 'source')), await listing(source))
}

const TREE = {
  'a/report of the year.txt': 'a text that nobody else reads',
  'a/empty': '',
  'b/large.bin': randomContent(3_000_000),
  c: null,
}

test('files arrive over it in either direction, over memory and over TCP', async (t) => {
  for (const from of [0, 1] as const) {
    await transfer(t, duplexPair(), TREE, { from })
    await transfer(t, await connection(t), TREE, { from })
  }
})

test('what is recorded on the way holds no name, no content, no secret and no key of the dialler', async (t) => {
  const { ends, said } = recordedPair()
  const secret = randomContent(16, 9)
  const [dialler, listener] = [ALICE, BOB]
  await transfer(t, ends, TREE, { secret })
  const all = said.map((pieces) => Buffer.concat(pieces))
  t.true(all[0]!.length > 3_000_000)
  const hidden: Record<string, Buffer> = {
    name: Buffer.from('report of the year'),
    'another name': Buffer.from('large.bin'),
    text: Buffer.from('a text that nobody else reads'),
    content: TREE['b/large.bin'].subarray(1_000_000, 1_000_016),
    secret,
    'part of the secret': secret.subarray(0, 8),
    'key of the dialler': Buffer.from(dialler.publicKey),
    'key of the listener': Buffer.from(listener.publicKey),
  }
  for (const [what, bytes] of Object.entries(hidden))
    for (const recorded of all) t.false(recorded.includes(bytes), what)
})

test('two trees that differ only in the lengths of their names make records of the same lengths', async (t) => {
  const lengthsOf = async (letters: number): Promise<number[][]> => {
    const { ends, said } = recordedPair()
    const names = Array.from(
      { length: 12 },
      (_, at) => `${'n'.repeat(letters)}${String(at).padStart(2, '0')}`,
    )
    await transfer(t, ends, Object.fromEntries(names.map((name, at) => [name, randomContent(5000, at)])))
    const before = [SAID.dialler, SAID.listener]
    return said.map((pieces, at) => recordLengths(Buffer.concat(pieces).subarray(before[at])))
  }
  const short = await lengthsOf(1)
  t.true(short[0]!.length > 4)
  t.deepEqual(await lengthsOf(40), short)
  t.deepEqual(await lengthsOf(200), short)
})
