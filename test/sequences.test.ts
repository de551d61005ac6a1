import { readFile } from 'node:fs/promises'
import test from 'ava'
import { SEQUENCES } from './fixtures/sequences.js'
import { filesBelow } from './helpers/folders.js'

const TESTS = new URL('../../test/', import.meta.url)

test('every test file that sweeps is counted for its sequence, and says how much it looked at', async (t) => {
  const listed = Object.values(SEQUENCES).flat()
  const found: string[] = []
  for (const path of await filesBelow(TESTS)) {
    const name = /^((?:files|stages|stores)\/.*)\.test\.ts$/.exec(path)?.[1]
    const text = name ? await readFile(new URL(path, TESTS), 'utf8') : ''
    if (!name || !text.includes("helpers/sweep.js'")) continue
    found.push(name)
    for (const [sweep, logged] of [
      ['crashSweep(', 'states'],
      ['faultSweep(', 'runs'],
      ['killSweep(', 'states'],
    ] as const)
      if (text.includes(`await ${sweep}`))
        t.regex(text, new RegExp(`} ${logged}[:\`]`), `${name} does not log its ${logged}`)
  }
  t.deepEqual(found.sort(), [...listed].sort())
})
