import test from 'ava'
import fc from 'fast-check'
import { keysInJson, keysOf } from '../../../lib/files/content/json-text.js'
import { parseText } from '../../../lib/files/index.js'
import { scale } from '../../helpers/scale.js'

test('equal keys of a JSON object are refused, wherever they stand and however they are written', async (t) => {
  const wrong: Record<string, string> = {
    '{"a": 1, "a": 2}': 'line 1, column 10',
    '[{"b": {"a": 1,\n"c": [], "\\u0061": 1}}]': 'line 2, column 10',
    '{"\\"": 1, "\\u0022": 2}': 'line 1, column 11',
    '{"__proto__": 1, "__proto__": 2}': 'line 1, column 18',
    '{"a": {}, "a": 1}': 'line 1, column 11',
  }
  for (const [text, place] of Object.entries(wrong)) {
    const error = await t.throwsAsync(parseText('json', text, 'x'), { code: 'ERR_PARSE' }, text)
    t.true(error!.message.includes(place), `${text}: ${error!.message}`)
    t.regex(error!.message, /equal key/)
  }
  const right = [
    '{"a": {"a": ["a", "a", {"a": "a: \\"a\\": \\\\"}]}}',
    '"a"',
    '{"\\\\" : 1, "a\\\\\\"":2}',
    '[]',
  ]
  for (const text of right) t.deepEqual(await parseText('json', text, 'x'), JSON.parse(text))
})

test('a text has as many keys as its value, where no two are equal', (t) => {
  const spaced = fc
    .tuple(fc.jsonValue(), fc.nat(3))
    .map(([value, indent]) => JSON.stringify(value, null, indent))
  const isEqual = fc.property(spaced, (text) => keysInJson(text) === keysOf(JSON.parse(text)))
  t.notThrows(() => fc.assert(isEqual, { numRuns: scale(300, 10_000) }))
})

test('to look for equal keys takes no more of a long text than of many short ones', async (t) => {
  const long = ['x'.repeat(12_000_000), '"'.repeat(2_000_000), '\\'.repeat(2_000_000)]
  t.deepEqual(await parseText('json', JSON.stringify({ long }), 'x'), { long })
  const again = `{"a": ${JSON.stringify(long)}, "a": 1}`
  await t.throwsAsync(parseText('json', again, 'x'), { code: 'ERR_PARSE', message: /equal key/ })
})
