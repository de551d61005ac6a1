import test from 'ava'
import { SluiceError } from '../../../lib/index.js'
import { FirstWords } from '../../../lib/peers/secure/first-words.js'
import { PREFACE } from '../../../lib/peers/secure/noise.js'

const over = new SluiceError('ERR_TIMEOUT', 'over')

test('what is said is read by length, however it comes', async (t) => {
  const words = new FirstWords()
  const first = words.take(3)
  for (const byte of Buffer.from('abcdefg')) words.data(Buffer.of(byte))
  t.is(String(await first), 'abc')
  t.is(String(await words.take(4)), 'defg')
  t.notThrows(() => words.finish())
})

test('of all that comes no more is kept than 256 bytes', async (t) => {
  for (const size of [1, 100, 1000]) {
    const words = new FirstWords()
    for (let said = 0; said < 1000; said += size) words.data(Buffer.alloc(size))
    t.is((await words.take(256)).length, 256)
    const next = words.take(1)
    words.fail(over)
    await t.throwsAsync(next, { is: over })
  }
})

test('what came before the end is still read, and then the first reason counts', async (t) => {
  const words = new FirstWords()
  words.data(Buffer.from('ab'))
  words.ended()
  words.broken(new Error('late'))
  t.is(String(await words.take(2)), 'ab')
  await t.throwsAsync(words.take(1), { code: 'ERR_IDENTITY', message: /closed the connection during/ })
  t.throws(() => words.finish(), { code: 'ERR_IDENTITY' })
})

test('a peer that goes without a word was not there', async (t) => {
  const words = new FirstWords()
  words.ended()
  await t.throwsAsync(words.takePreface(), { code: 'ERR_UNREACHABLE' })
})

test('what is left over was not asked for', async (t) => {
  const words = new FirstWords()
  words.data(Buffer.concat([PREFACE, Buffer.of(0)]))
  await words.takePreface()
  t.throws(() => words.finish(), { code: 'ERR_IDENTITY', message: /did not wait for its turn/ })
})
