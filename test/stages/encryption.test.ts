import { createSecretKey, generateKeyPairSync } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { type Code, encryption, isSluiceError } from '../../lib/index.js'
import { Decryptor } from '../../lib/stages/encryption/decryptor.js'
import { Encryptor } from '../../lib/stages/encryption/encryptor.js'
import { makeHeader } from '../../lib/stages/encryption/sealed-stream.js'
import { piecesOf, randomContent, wireStageConformance } from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'

const key = Buffer.alloc(32, 7)
const stage = () => encryption({ key })
const HEADER = 48
const OVERHEAD = 20

async function seal(chunks: Buffer[], made = stage()): Promise<Buffer> {
  return Buffer.concat((await Readable.from(chunks).pipe(made.outgoing!()).toArray()) as Buffer[])
}

async function open(sealed: Buffer, made = stage()): Promise<{ opened: Buffer; error: unknown }> {
  const opened: Buffer[] = []
  const incoming = made.incoming!().on('data', (chunk: Buffer) => opened.push(chunk))
  const error: unknown = await pipeline(Readable.from([sealed]), incoming).catch((reason: unknown) => reason)
  return { opened: Buffer.concat(opened), error }
}

conforms(
  'encryption',
  wireStageConformance(stage, {
    truncated: ['ERR_TRUNCATED'],
    badOptions: [
      () => encryption({ key: Buffer.alloc(31) }),
      () => encryption({ key: 'x'.repeat(32) as unknown as Buffer }),
      () => encryption({ key: createSecretKey(Buffer.alloc(16)) }),
      () => encryption({ key: generateKeyPairSync('ed25519').publicKey }),
    ],
  }),
)

test('a message about a key does not show it', (t) => {
  const error = t.throws(() => encryption({ key: Buffer.from('my secret') }))
  t.false(/secret\b.*my|my secret|6d79/.test(String(error)))
})

test('of what is no key its kind and length are named', (t) => {
  const wrong: [unknown, string][] = [
    ['secret', 'a string'],
    [12345, 'a number'],
    [12345n, 'a bigint'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Buffer.from('short'), 'a Buffer of 5 bytes'],
    [['secret'], 'a list'],
    [Promise.resolve(Buffer.alloc(32)), 'a promise, which was not awaited'],
    [createSecretKey(Buffer.alloc(16)), 'an object of the class SecretKeyObject'],
  ]
  for (const [key, found] of wrong)
    t.throws(() => encryption({ key: key as Buffer }), {
      code: 'ERR_USAGE',
      message: `key must be 32 bytes (a Buffer or Uint8Array), or a secret KeyObject of 32 bytes, not ${found}`,
    })
})

test('a key may be wiped by its owner once the stage is made, and may be a KeyObject', async (t) => {
  const own = Buffer.from(key)
  const made = encryption({ key: own })
  own.fill(0)
  const sealed = await seal([Buffer.from('hello')], made)
  t.is(String((await open(sealed, encryption({ key: createSecretKey(key) }))).opened), 'hello')
})

test('no bit can be changed without being noticed, and nothing unchecked is given out', async (t) => {
  const sealed = await seal(piecesOf(Buffer.from('first second'), 6))
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    const { opened, error } = await open(changed)
    // A length that grew asks for bytes that never come.
    t.true(
      isSluiceError(error, 'ERR_DECRYPT') || isSluiceError(error, 'ERR_TRUNCATED'),
      `bit ${bit}: ${String(error)}`,
    )
    t.true('first second'.startsWith(String(opened)), `bit ${bit} gave ${opened.toString('hex')}`)
  }
})

test('another key, and chunks that were moved, repeated, left out, added or taken from another stream, do not open', async (t) => {
  const parts = async () => {
    const sealer = encryption({ key }).outgoing!()
    const chunks: Buffer[] = []
    sealer.on('data', (chunk: Buffer) => chunks.push(chunk))
    for (const letter of 'abc') {
      sealer.write(letter.repeat(5))
      await new Promise((resolve) => setImmediate(resolve))
    }
    sealer.end()
    await new Promise((resolve) => sealer.once('end', resolve))
    const [first, ...rest] = chunks
    return [first!.subarray(0, HEADER), first!.subarray(HEADER), ...rest]
  }
  const [header, a, b, c, last] = (await parts()) as [Buffer, Buffer, Buffer, Buffer, Buffer]
  const [, , otherB] = (await parts()) as Buffer[]
  t.deepEqual([a.length, last.length], [5 + OVERHEAD, OVERHEAD])
  const cases: [string, Buffer[], string, Code][] = [
    ['moved', [header, b, a, c, last], '', 'ERR_DECRYPT'],
    ['repeated', [header, a, a, b, c, last], 'aaaaa', 'ERR_DECRYPT'],
    ['left out', [header, a, c, last], 'aaaaa', 'ERR_DECRYPT'],
    ['ended early', [header, a, b, last], 'aaaaabbbbb', 'ERR_DECRYPT'],
    ['cut between chunks', [header, a, b], 'aaaaabbbbb', 'ERR_TRUNCATED'],
    ['added behind the end', [header, a, b, c, last, last], 'aaaaabbbbbccccc', 'ERR_DECRYPT'],
    ['one byte behind the end', [header, a, b, c, last, Buffer.alloc(1)], 'aaaaabbbbbccccc', 'ERR_DECRYPT'],
    ['from another stream', [header, a, otherB!, c, last], 'aaaaa', 'ERR_DECRYPT'],
  ]
  for (const [name, chunks, readable, code] of cases) {
    const { opened, error } = await open(Buffer.concat(chunks))
    t.true(isSluiceError(error, code), `${name}: ${String(error)}`)
    t.is(String(opened), readable, name)
  }
  const other = await open(Buffer.concat([header, a, b, c, last]), encryption({ key: Buffer.alloc(32, 8) }))
  t.true(isSluiceError(other.error, 'ERR_DECRYPT'))
  t.is(other.opened.length, 0)
})

test('our own bytes sent back to us are refused, from every stream of the stage', async (t) => {
  const made = stage()
  for (let stream = 0; stream < 3; stream++) {
    const { opened, error } = await open(await seal([Buffer.from('hello')], made), made)
    t.true(isSluiceError(error, 'ERR_DECRYPT'))
    t.regex(String(error), /reflected/)
    t.is(opened.length, 0)
  }
})

test('the same content never looks the same, and two streams of one stage cannot be told to be of one', async (t) => {
  const made = stage()
  const [one, two] = [await seal([Buffer.alloc(100)], made), await seal([Buffer.alloc(100)], made)]
  for (let at = 0; at < HEADER; at += 16) t.false(one.subarray(at, at + 16).equals(two.subarray(at, at + 16)))
  t.false(one.subarray(HEADER + 4, HEADER + 104).equals(two.subarray(HEADER + 4, HEADER + 104)))
})

test('chunks that piled up are sealed together, and large ones apart, at 132 KiB', async (t) => {
  const content = randomContent(200_000)
  const whole = await seal([content])
  t.is(whole.length, HEADER + content.length + 3 * OVERHEAD)
  t.true((await open(whole)).opened.equals(content))
  const outgoing = stage().outgoing!()
  outgoing.cork()
  for (const piece of piecesOf(content.subarray(0, 1000), 10)) outgoing.write(piece)
  outgoing.uncork()
  const sealed = outgoing.read() as Buffer
  t.is(sealed.length, HEADER + 1000 + OVERHEAD)
  outgoing.destroy()
})

test('lengths and kinds that cannot be are refused before anything is kept for them', async (t) => {
  const sealed = await seal([Buffer.from('hello')])
  for (const prefix of ['00000000', '00021001', '00ffffff', '01000001', '02000005', 'ff000005']) {
    const { error } = await open(Buffer.concat([sealed.subarray(0, HEADER), Buffer.from(prefix, 'hex')]))
    t.true(isSluiceError(error, 'ERR_DECRYPT'), `${prefix}: ${String(error)}`)
  }
})

/** The test vector of the format: secret and salt are fixed here, and random in life. */
const VECTOR = {
  key: Buffer.from(Array.from({ length: 32 }, (_, index) => index)),
  header: makeHeader(Buffer.alloc(32, 0xaa), Buffer.alloc(32, 0xbb)),
  plain: ['hello', 'world'],
  sealed:
    'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb94a7c95aed2171b1ebe335052a8bb690000000054267fbd829f2e33f2ae58461f598a9ce1d62a8021d00000005849f2a15c1f281a869387c943bef8048b9927e85b301000000a903a4cbd91728fb96868d8f5053ebe2',
}

test('the format is that of the test vector', (t) => {
  const key = createSecretKey(VECTOR.key)
  const encryptor = new Encryptor(key, VECTOR.header)
  const sealed = Buffer.concat([
    ...VECTOR.plain.flatMap((text) => [...encryptor.convert([Buffer.from(text)])] as Buffer[]),
    ...([...encryptor.finish()] as Buffer[]),
  ])
  t.is(sealed.toString('hex'), VECTOR.sealed)
  const decryptor = new Decryptor(key, Buffer.alloc(32))
  t.is(String(Buffer.concat([...decryptor.convert(piecesOf(sealed, 1))])), VECTOR.plain.join(''))
  t.notThrows(() => decryptor.finish())
})

/** Both ends of a conversation, joined; and all that went from one to the other. */
function joined(one = stage().paired!(), other = stage().paired!()) {
  const recorded: Buffer[][] = [[], []]
  for (const [at, from, to] of [
    [0, one, other],
    [1, other, one],
  ] as const) {
    from.outgoing.on('data', (chunk: Buffer) => recorded[at]!.push(chunk))
    from.outgoing.pipe(to.incoming)
  }
  return { one, other, recorded }
}

test('in a conversation both sides give random bytes: it goes both ways, and what was recorded does not open again', async (t) => {
  const { one, other, recorded } = joined()
  one.outgoing.end('hello')
  other.outgoing.end('world')
  const [there, here] = await Promise.all([other.incoming.toArray(), one.incoming.toArray()])
  t.deepEqual([String(Buffer.concat(there)), String(Buffer.concat(here))], ['hello', 'world'])
  for (const played of recorded) {
    const { outgoing, incoming } = stage().paired!()
    t.is((outgoing.read() as Buffer).length, HEADER)
    const opened: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => opened.push(chunk))
    const error = await pipeline(Readable.from(played), incoming).catch((reason: unknown) => reason)
    t.true(isSluiceError(error, 'ERR_DECRYPT'), String(error))
    t.deepEqual(opened, [])
    outgoing.destroy()
  }
})

test('nothing is sealed in a conversation before the other side has spoken, and nothing if it never does', async (t) => {
  for (const end of ['end', 'destroy'] as const) {
    const { outgoing, incoming } = stage().paired!()
    incoming.on('error', () => {})
    const sealed = outgoing.toArray()
    outgoing.end('secret')
    incoming[end]()
    t.deepEqual(
      ((await sealed) as Buffer[]).map(({ length }) => length),
      [HEADER],
    )
  }
})

test('a conversation sent back to its maker is refused', async (t) => {
  const { outgoing, incoming } = stage().paired!()
  outgoing.end('hello')
  const error = await pipeline(outgoing, incoming).catch((reason: unknown) => reason)
  t.true(isSluiceError(error, 'ERR_DECRYPT'))
  t.regex(String(error), /reflected/)
})
