import test from 'ava'
import { parseLife } from '../../../lib/cli/network/life.js'

test('the life of a ticket is a time with its unit, an hour by default', (t) => {
  const lives = { '1s': 1000, '90s': 90_000, '30m': 1_800_000, '1.5h': 5_400_000, '24d': 2_073_600_000 }
  for (const [text, life] of Object.entries(lives)) t.is(parseLife(text), life, text)
  t.is(parseLife(), 3_600_000)
})

test('what is no such time, too short, or longer than a timer lasts is refused by name', (t) => {
  for (const text of [
    '',
    '30',
    '0s',
    '999ms',
    '25d',
    '1y',
    '-5m',
    '5 fortnights',
    'soon',
    '1e3s',
    '9'.repeat(200),
  ])
    t.throws(
      () => parseLife(text),
      { code: 'ERR_USAGE', message: /^--expires must be a time from 1s to 24d/ },
      text,
    )
})
