import test from 'ava'
import fc from 'fast-check'
import { packAddress } from '../../lib/peers/addresses.js'
import { showKey } from '../../lib/peers/keys.js'
import { decodeTicket, encodeTicket, isTicket, makeTicket } from '../../lib/peers/ticket.js'
import { base32, encodeWord } from '../../lib/peers/word.js'

const publicKey = Uint8Array.from({ length: 32 }, (_, i) => i)
const secret = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i)

const KIND = { name: 'ticket', prefix: 'sluice', version: 1, most: 5000 }

const ports = fc.integer({ min: 1, max: 65_535 })
const addresses = fc.oneof(
  fc.tuple(fc.ipV4(), ports).map(([host, port]) => `${host}:${port}`),
  fc.tuple(fc.ipV6(), ports).map(([host, port]) => `tcp:[${host}]:${port}`),
  fc.tuple(fc.domain(), ports).map(([host, port]) => `${host}:${port}`),
  fc.stringMatching(/^unix:\/[a-zé ]{1,80}$/),
  fc.webUrl({ validSchemes: ['ws', 'wss'] }).filter((url) => url.length < 200),
)
const tickets = fc
  .record({
    addresses: fc.array(addresses, { minLength: 1, maxLength: 16 }),
    publicKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    secret: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  })
  .map(makeTicket)

test('a ticket is one word of letters and digits, and comes back from it', (t) => {
  fc.assert(
    fc.property(tickets, (ticket) => {
      const word = encodeTicket(ticket)
      t.regex(word, /^sluice1[a-z2-7]+$/)
      t.true(isTicket(word) && isTicket(word.toUpperCase()))
      t.deepEqual(decodeTicket(word), ticket)
      t.deepEqual(decodeTicket(`  ${word.toUpperCase()}\n`), ticket)
      t.is(encodeTicket(decodeTicket(word)), word)
    }),
  )
})

test('a ticket of this version stays what it is: a vector for other programs', (t) => {
  const word =
    'sluice1abqaaaicamcakbqhbaequcymbuha6earcijrifiwc4mbsgq3dqor4h7q6hzph5hv6337r6p27p6p37x7ataaaaqbdnmamiabbw4aaaaaaaaaaaaaaaaaaai3laabi53tom5c6l3in5zxiltfpbqw24dmmuxxhjbjwesa'
  const ticket = {
    addresses: ['192.0.2.1:7000', '[2001:db8::1]:7000', 'wss://host.example/s'],
    publicKey,
    secret,
  }
  const back = decodeTicket(encodeTicket(ticket))
  t.deepEqual(back, ticket)
  t.is(encodeTicket(ticket), word)
})

test('each single character of a ticket that is changed, removed or added is noticed', (t) => {
  const characters = [...'abcdefghijklmnopqrstuvwxyz234567']
  fc.assert(
    fc.property(tickets, fc.nat(), fc.constantFrom(...characters), (ticket, place, character) => {
      const word = encodeTicket(ticket)
      const at = place % word.length
      for (const wrong of [
        word.slice(0, at) + character + word.slice(at + 1),
        word.slice(0, at) + word.slice(at + 1),
        word.slice(0, at) + character + word.slice(at),
      ])
        if (wrong !== word) t.throws(() => decodeTicket(wrong), { code: 'ERR_USAGE' }, `${word} ${wrong}`)
    }),
    { numRuns: 500 },
  )
})

test('whatever is wrong with a ticket, no error says anything of what stands in it', (t) => {
  const word = encodeTicket(makeTicket({ addresses: ['h.example:1'], publicKey, secret }))
  const letters = word.slice('sluice1'.length)
  // where secret and key stand: any eight characters of it in a row would show 40 bits
  const pieces = Array.from({ length: letters.length - 8 }, (_, at) => letters.slice(at, at + 8))
  const wrong = [
    word.slice(0, 90),
    word.slice(0, -1),
    `${word}a`,
    `${word.slice(0, 50)}!${word.slice(51)}`,
    `${word.slice(0, 50)}${word[50] === 'a' ? 'b' : 'a'}${word.slice(51)}`,
    letters,
    `sluice2${letters}`,
    `x${word}`,
  ]
  for (const text of wrong) {
    const error = t.throws(() => decodeTicket(text), { code: 'ERR_USAGE' })
    const shown = JSON.stringify({ ...error, message: error?.message, cause: String(error?.cause) })
    t.deepEqual(
      pieces.filter((piece) => shown.includes(piece)),
      [],
      text,
    )
  }
  const short = t.throws(() => makeTicket({ addresses: ['h:1'], publicKey, secret: secret.subarray(1) }))
  t.is(short?.message, 'secret must be 16 bytes')
})

test('a cut, a newer and a foreign word are named as such', (t) => {
  const word = encodeTicket({ addresses: ['h.example:1'], publicKey, secret })
  const newer = encodeWord({ ...KIND, version: 3 }, Buffer.alloc(20))
  t.throws(() => decodeTicket(word.slice(0, 60)), { message: /the ticket is cut: 60 of its \d+ characters/ })
  t.throws(() => decodeTicket(newer), { message: /of version 3, and this Sluice knows version 1: install/ })
  for (const foreign of [showKey(publicKey), 'photos', 'http://h/', ''])
    t.throws(() => decodeTicket(foreign), {
      code: 'ERR_USAGE',
      message: /is none: a ticket begins with sluice1/,
    })
  t.throws(() => decodeTicket(undefined as never), { code: 'ERR_USAGE', message: /must be a text/ })
})

test('bytes that nobody has made a ticket of are refused in plain words, though their check sum is right', (t) => {
  const begin = Buffer.concat([publicKey, secret])
  const address = packAddress('192.0.2.1:7000')
  const wrong: Record<string, Uint8Array> = {
    'no address': begin,
    'half a secret': begin.subarray(0, 40),
    nothing: Buffer.alloc(0),
    'too many addresses': Buffer.concat([
      begin,
      ...Array.from({ length: 17 }, (_, i) => packAddress(`10.0.0.${i}:1`)),
    ]),
    'a kind that is not known': Buffer.concat([begin, Buffer.of(5, 1, 2)]),
    'an address that is cut': Buffer.concat([begin, address.subarray(0, -1)]),
    'a port of 0': Buffer.concat([begin, Buffer.of(4, 127, 0, 0, 1, 0, 0)]),
    'no address at all': Buffer.concat([begin, Buffer.of(0, 5), Buffer.from('hello')]),
    'an escape': Buffer.concat([begin, Buffer.of(0, 6), Buffer.from('h:\u001b[2J')]),
    'no UTF-8': Buffer.concat([begin, Buffer.of(0, 3), Buffer.of(0x68, 0x3a, 0xff)]),
    'an empty text': Buffer.concat([begin, Buffer.of(0, 0)]),
  }
  for (const [what, body] of Object.entries(wrong)) {
    const message = /no Sluice has made it/
    t.throws(() => decodeTicket(encodeWord(KIND, body)), { code: 'ERR_USAGE', message }, what)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000, size: 'max' }), (body) => {
      let found: unknown
      try {
        found = decodeTicket(encodeWord(KIND, body)).addresses.length
      } catch (error) {
        found = (error as { code: unknown }).code
      }
      t.true(found === 'ERR_USAGE' || (found as number) <= 16)
    }),
  )
})

test('a ticket is made with a secret of its own, and plain addresses', (t) => {
  const [one, other] = [0, 1].map(() =>
    makeTicket({ addresses: ['tcp:[2001:DB8:0::1]:70', 'tcp:h:1', 'TCP:h:1', 'h:1'], publicKey }),
  )
  t.deepEqual(one!.addresses, ['[2001:db8::1]:70', 'h:1'])
  t.is(one!.secret.length, 16)
  t.notDeepEqual(one!.secret, other!.secret)
  const wrong = [
    { addresses: [] },
    { addresses: Array.from({ length: 17 }, (_, i) => `h:${i + 1}`) },
    { addresses: ['h:0000000'], publicKey: secret },
    { addresses: ['nothing'] },
    { addresses: ['127.0.0.1:65536'] },
    { addresses: [`h:${'x'.repeat(254)}`] },
    { addresses: ['h:1\n'] },
    { addresses: 'h:1' },
    { adresses: ['h:1'] },
  ]
  for (const options of wrong)
    t.throws(
      () => makeTicket({ publicKey, ...options } as never),
      { code: 'ERR_USAGE' },
      JSON.stringify(options),
    )
})

test('neither an address nor a path nor a key is taken for a ticket, and a cut ticket is', (t) => {
  for (const text of [
    'sluice1:7000',
    'sluice',
    'sluice/1',
    'sluice1/x',
    showKey(publicKey),
    './sluice1',
    'wss://sluice1/',
  ])
    t.false(isTicket(text), text)
  const word = encodeTicket({ addresses: ['h:1'], publicKey, secret })
  for (const text of [word.slice(0, 30), word.replace(/.$/, '-'), word.toUpperCase()])
    t.true(isTicket(text), text)
})

test('a ticket for two addresses is short enough to be read aloud in need, or for a small QR code', (t) => {
  const word = encodeTicket({ addresses: ['192.168.1.20:7000', '[2001:db8::20]:7000'], publicKey, secret })
  t.is(word.length, 7 + base32(Buffer.alloc(6 + 32 + 16 + 7 + 19)).length)
  t.true(word.length <= 140)
})
