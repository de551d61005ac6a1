import test from 'ava'
import fc from 'fast-check'
import { base32, decodeWord, encodeWord, isWord, type WordKind } from '../../lib/peers/word.js'

const KIND: WordKind = { name: 'thing', prefix: 'thing', version: 1, most: 300 }
const bodies = fc.uint8Array({ maxLength: 300 })

test('base32 is that of RFC 4648, in small letters and without padding', (t) => {
  const vectors = { '': '', f: 'my', fo: 'mzxq', foo: 'mzxw6', foob: 'mzxw6yq', fooba: 'mzxw6ytb' }
  for (const [text, expected] of Object.entries(vectors)) t.is(base32(Buffer.from(text)), expected)
})

test('a word is letters and digits, and gives back its body, of large letters and with spaces around it, too', (t) => {
  fc.assert(
    fc.property(bodies, (body) => {
      const word = encodeWord(KIND, body)
      t.regex(word, /^thing1[a-z2-7]+$/)
      t.true(isWord(KIND, word))
      t.deepEqual(Uint8Array.from(decodeWord(KIND, word)), body)
      t.deepEqual(Uint8Array.from(decodeWord(KIND, ` ${word.toUpperCase()}\n`)), body)
    }),
  )
})

const CHARACTERS = [...'abcdefghijklmnopqrstuvwxyz0123456789-é\u{212a}\u{17f}']

test('each single character that is changed, removed or added is noticed', (t) => {
  fc.assert(
    fc.property(bodies, fc.nat(), fc.constantFrom(...CHARACTERS), (body, place, character) => {
      const word = encodeWord(KIND, body)
      const at = place % word.length
      const changed = word.slice(0, at) + character + word.slice(at + 1)
      const removed = word.slice(0, at) + word.slice(at + 1)
      const added = word.slice(0, at) + character + word.slice(at)
      for (const wrong of [changed, removed, added]) {
        if (wrong === word) continue
        // two equal characters side by side: whichever of them was meant
        t.throws(() => decodeWord(KIND, wrong), { code: 'ERR_USAGE' }, `${word} ${wrong}`)
      }
    }),
    { numRuns: 1000 },
  )
})

test('each change of each character of one word is noticed, and so are two that were swapped', (t) => {
  const word = encodeWord(KIND, Buffer.from('a body'))
  for (let at = 0; at < word.length; at++) {
    for (const character of CHARACTERS) {
      const wrong = word.slice(0, at) + character + word.slice(at + 1)
      if (wrong !== word) t.throws(() => decodeWord(KIND, wrong), { code: 'ERR_USAGE' }, wrong)
    }
    const [one, other] = [word[at]!, word[at + 1] ?? '']
    const swapped = word.slice(0, at) + other + one + word.slice(at + 2)
    if (swapped !== word) t.throws(() => decodeWord(KIND, swapped), { code: 'ERR_USAGE' }, swapped)
  }
})

test('what is wrong with a word is named: cut, too long, mistyped, too new, another thing', (t) => {
  const word = encodeWord(KIND, Buffer.from('a body of some length'))
  for (let length = 'thing1'.length; length < word.length; length++)
    t.throws(() => decodeWord(KIND, word.slice(0, length)), { code: 'ERR_USAGE', message: /is cut/ })
  const mistyped = word.slice(0, 20) + (word[20] === 'a' ? 'b' : 'a') + word.slice(21)
  const newer = encodeWord({ ...KIND, version: 2 }, Buffer.from('what nobody knows yet'))
  const wrong: [string, RegExp][] = [
    [`${word}abc`, /has 3 characters too many at its end/],
    [mistyped, /is mistyped: its check sum/],
    [word.replace(/^(.{20})./, '$1!'), /is mistyped: its character 21 is none of/],
    [word.replace('thing1', 'thing2'), /is mistyped/],
    [newer, /is of version 2, and this Sluice knows version 1/],
    [encodeWord(KIND, Buffer.alloc(301)), /too large/],
    ['127.0.0.1:7000', /is none: a thing begins with thing1/],
    ['', /is none/],
    ['thing', /is none/],
  ]
  for (const [text, message] of wrong)
    t.throws(() => decodeWord(KIND, text), { code: 'ERR_USAGE', message }, text)
})

test('whatever is given as a word, there is a result or a clear error', (t) => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...CHARACTERS) }).map((text) => `thing1${text}`),
  )
  fc.assert(
    fc.property(texts, (text) => {
      t.throws(() => decodeWord(KIND, text), { code: 'ERR_USAGE' })
    }),
  )
})
