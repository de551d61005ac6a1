import test from 'ava'
import { decodeText, encodeText, parseText } from '../../../lib/files/index.js'

test('text that an encoding cannot hold is refused, and so are bytes that are no text', (t) => {
  t.deepEqual(encodeText('é', 'latin1'), Buffer.from([0xe9]))
  t.throws(() => encodeText('€', 'latin1'), { code: 'ERR_USAGE', message: /U\+20AC, character 0/ })
  t.throws(() => encodeText('a\ud800'), { code: 'ERR_USAGE', message: /U\+D800, character 1/ })
  t.is(decodeText(Buffer.from('é'), 'utf8', 'a'), 'é')
  t.throws(() => decodeText(Buffer.from([0xe9]), 'utf8', 'a'), {
    code: 'ERR_PARSE',
    message: /^a is not text/,
  })
})

test('what is no text, no bytes or no encoding is an error of use', async (t) => {
  const wrong: [() => unknown, RegExp][] = [
    [() => encodeText(undefined as never), /^text must be a text, not/],
    [() => encodeText('x', 'utf-7' as never), /^encoding must be one of 'utf8'/],
    [() => decodeText(null as never, 'utf8', 'a'), /^bytes must be bytes, not/],
    [() => decodeText(Buffer.from('x'), 'ascii' as never, 'a'), /^encoding must be one of 'utf8'/],
    [() => parseText('json', undefined as never, 'a'), /^text must be a text, not/],
    [() => parseText('toml' as never, '', 'a'), /^format must be one of 'json', 'yaml'/],
  ]
  for (const [call, message] of wrong) await t.throwsAsync(async () => call(), { code: 'ERR_USAGE', message })
})
