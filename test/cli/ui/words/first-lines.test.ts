import test from 'ava'
import { FirstLines } from '../../../../lib/cli/ui/words/first-lines.js'

test('of very many lines the first are shown, and once that there are more', (t) => {
  const shown: string[] = []
  const lines = new FirstLines('failed', (line) => shown.push(line))
  for (let n = 0; n < 20; n++) lines.add(`${n}`)
  t.deepEqual([shown.length, shown.at(-1)], [20, 'failed: 19'])
  for (let n = 20; n < 10_000; n++) lines.add(`${n}`)
  t.deepEqual([shown.length, shown.at(-1)], [21, 'failed: and more; --log FILE keeps all of them'])
})
