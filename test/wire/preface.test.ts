import test from 'ava'
import fc from 'fast-check'
import {
  checkFormat,
  encodePreface,
  MAGIC,
  PrefaceCheck,
  parsePreface,
  VERSION,
} from '../../lib/wire/preface.js'

const format = fc.stringMatching(/^[!-~]{1,64}$/)

function parse(chunks: Iterable<Buffer>) {
  let bytes = Buffer.alloc(0)
  for (const chunk of chunks) {
    bytes = Buffer.concat([bytes, chunk])
    const found = parsePreface(bytes)
    if (found !== undefined) return found
  }
  return undefined
}

test('formats come out as they went in, and what follows is left alone', (t) => {
  fc.assert(
    fc.property(fc.array(format, { maxLength: 16 }), fc.uint8Array({ maxLength: 50 }), (formats, after) => {
      const found = parse([Buffer.concat([encodePreface(formats), after])])
      t.deepEqual(found, { formats, rest: Buffer.from(after) })
    }),
  )
})

test('it may come byte by byte, and is complete with its last one', (t) => {
  const bytes = encodePreface(['gzip', 'sealed/1'])
  const single = Array.from(bytes, (byte) => Buffer.from([byte]))
  t.deepEqual(parse(single), { formats: ['gzip', 'sealed/1'], rest: Buffer.alloc(0) })
  t.is(parse(single.slice(0, -1)), undefined)
})

test('another protocol is told apart at its first byte', (t) => {
  for (const text of ['GET / HTTP/1.1', 'SSH-2.0-OpenSSH', '\x16\x03\x01']) {
    t.throws(() => parse([Buffer.from(text.slice(0, 1), 'latin1')]), { code: 'ERR_NOT_SLUICE' })
    t.throws(() => parse([Buffer.from(text, 'latin1')]), { code: 'ERR_NOT_SLUICE' })
  }
})

test('a connection in text mode is noticed', (t) => {
  const whole = encodePreface([])
  const damages = [
    whole.toString('latin1').replace('\r\n', '\n'),
    whole.toString('latin1').replace('\n', '\r\n'),
    String.fromCharCode(...whole.map((byte) => byte & 0x7f)),
    whole.toString('latin1').replace('\x1a', ''),
  ]
  for (const damaged of damages) {
    t.throws(() => parse([Buffer.from(damaged, 'latin1')]), { code: 'ERR_NOT_SLUICE' })
  }
})

test('another version is an error of its own, with both numbers', (t) => {
  const bytes = Buffer.concat([MAGIC, Buffer.from([VERSION + 1, 0])])
  t.throws(() => parse([bytes]), { code: 'ERR_VERSION', message: /version 2 .* this side 1/ })
})

test('a list of formats that is none is refused', (t) => {
  const bad = (...bytes: number[]) => Buffer.concat([MAGIC, Buffer.from([VERSION, ...bytes])])
  t.throws(() => parse([bad(200)]), { code: 'ERR_PROTOCOL' })
  t.throws(() => parse([bad(1, 0)]), { code: 'ERR_PROTOCOL' })
  t.throws(() => parse([bad(1, 2, 0x1b, 0x5b)]), { code: 'ERR_PROTOCOL' })
})

test('a format that is no name is refused, and shown', (t) => {
  for (const [bad, shown] of [
    ['', '""'],
    ['with space', '"with space"'],
    ['chiffr\u00e9', '"chiffr\u00e9"'],
    ['x'.repeat(65), `"${'x'.repeat(65)}"`],
    [7, '7'],
  ] as const)
    t.throws(() => checkFormat('it', bad), {
      code: 'ERR_USAGE',
      message: `it must be a name of 1 to 64 printable ASCII characters, without a space, not ${shown}`,
    })
  t.notThrows(() => checkFormat('it', undefined))
  t.notThrows(() => checkFormat('it', 'aes-256/ctr'))
})

test('formats that do not match are both named', (t) => {
  const check = (expected: readonly string[], found: readonly string[]) =>
    new PrefaceCheck(expected).strip(encodePreface(found))
  t.notThrows(() => check(['a', 'b'], ['a', 'b']))
  for (const [expected, found] of [
    [['a'], []],
    [[], ['a']],
    [
      ['a', 'b'],
      ['b', 'a'],
    ],
  ] as const) {
    const error = t.throws(() => check(expected, found), { code: 'ERR_FORMATS' })
    t.true(error!.message.includes(`[${expected.join(', ')}]`))
    t.true(error!.message.includes(`[${found.join(', ')}]`))
  }
})

test('a check takes the preface off, byte by byte as well, and refuses other formats', (t) => {
  const whole = Buffer.concat([encodePreface(['gzip']), Buffer.from('what follows')])
  for (const chunks of [[whole], Array.from(whole, (byte) => Buffer.of(byte))]) {
    const check = new PrefaceCheck(['gzip'])
    t.false(check.complete)
    t.is(Buffer.concat(chunks.map((chunk) => check.strip(chunk))).toString(), 'what follows')
    t.true(check.complete)
  }
  const check = new PrefaceCheck([])
  t.throws(() => check.strip(whole), { code: 'ERR_FORMATS' })
  t.false(check.complete)
})
