import { generateKeyPairSync, sign } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { fingerprint, isKey, isSignedBy, parseKey, showKey } from '../../lib/peers/keys.js'
import { encodeTicket } from '../../lib/peers/ticket.js'
import { encodeWord } from '../../lib/peers/word.js'

const keys = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('a key is one word, and comes back from it', (t) => {
  fc.assert(
    fc.property(keys, (key) => {
      const word = showKey(key)
      t.regex(word, /^sluicekey1[a-z2-7]{61}$/)
      t.true(isKey(word) && isKey(word.toUpperCase()))
      t.deepEqual(parseKey(word.toUpperCase()), key)
    }),
  )
})

test('what is no key is named as such', (t) => {
  const key = new Uint8Array(32).fill(7)
  const word = showKey(key)
  const ticket = encodeTicket({ addresses: ['h:1'], publicKey: key, secret: new Uint8Array(16) })
  const short = encodeWord({ name: 'key', prefix: 'sluicekey', version: 1, most: 32 }, key.subarray(1))
  const wrong: [string, RegExp][] = [
    [word.slice(0, 30), /the key is cut: 30 of its 71 characters/],
    [word.slice(0, 30) + (word[30] === 'q' ? 'r' : 'q') + word.slice(31), /the key is mistyped/],
    [ticket, /given as a key is none/],
    ['anna', /given as a key is none/],
    [short, /31 bytes instead of 32/],
  ]
  for (const [text, message] of wrong) t.throws(() => parseKey(text), { code: 'ERR_USAGE', message }, text)
  t.throws(() => parseKey(key as never), { code: 'ERR_USAGE' })
  t.throws(() => showKey(key.subarray(1)), { code: 'ERR_USAGE', message: /a public key of 32 bytes/ })
  t.false(isKey(ticket))
})

test('a fingerprint shows 100 bits in five groups, and changes with each bit of the key', (t) => {
  const key = new Uint8Array(32)
  const prints = new Set([fingerprint(key)])
  for (let bit = 0; bit < 256; bit++) {
    const other = Uint8Array.from(key)
    other[bit >> 3]! ^= 1 << (bit & 7)
    prints.add(fingerprint(other))
  }
  t.is(prints.size, 257)
  for (const print of prints) t.regex(print, /^[a-z2-7]{4}(-[a-z2-7]{4}){4}$/)
  // the first characters of base32 of the SHA-256 of 32 zeros, 66687aad f862bd77 6c8fc18b 8e…
  t.is(fingerprint(key), 'mzuh-vlpy-mk6x-o3ep-ygfy')
})

test('a signature holds for its bytes and its key alone, and nothing else throws', (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')
  const bytes = Buffer.from('what is signed')
  const signature = sign(null, bytes, privateKey)
  t.true(isSignedBy(key, bytes, signature))
  t.false(isSignedBy(key, Buffer.from('what is signed.'), signature))
  for (let at = 0; at < signature.length; at++) {
    const changed = Uint8Array.from(signature)
    changed[at]! ^= 1
    t.false(isSignedBy(key, bytes, changed))
  }
  t.false(isSignedBy(key, bytes, signature.subarray(1)))
  t.false(isSignedBy(key, bytes, new Uint8Array(0)))
  t.false(isSignedBy(new Uint8Array(32).fill(255), bytes, signature))
})
