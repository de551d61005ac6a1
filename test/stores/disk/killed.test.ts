import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { listing, temporary } from '../../helpers/folders.js'
import { arrivingOf } from '../../helpers/items.js'
import { receiveItems } from '../../helpers/river.js'
import { scale } from '../../helpers/scale.js'

const RECEIVER = fileURLToPath(new URL('../../fixtures/receiver.js', import.meta.url))
const FILES = Object.fromEntries(
  Array.from({ length: 400 }, (_, i) => [`d${i % 7}/f${i}`, `${i}`.repeat(i * 3)]),
)

for (const durability of ['crash', 'power'] as const) {
  test(`KNOWN-FAILURES 32: killed at any moment with ${durability}, what has a name is whole, what was told is there`, async (t) => {
    for (let batches = 0; batches < scale(3, 30); batches++) {
      const dir = await temporary(t)
      const child = spawn(process.execPath, [RECEIVER, dir, durability], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let told = ''
      child.stdout.on('data', (data: Buffer) => {
        told += data
        if (told.split('\n').length > batches * 3 + 1) child.kill('SIGKILL')
      })
      await once(child, 'close')
      const found = await listing(dir)
      for (const [path, what] of Object.entries(found)) {
        if (!what.startsWith('file') || path.startsWith('.sluice/') || path.endsWith('.part')) continue
        t.is(await readFile(join(dir, path), 'utf8'), FILES[path]!)
      }
      // the last line may be torn
      for (const path of told.slice(0, told.lastIndexOf('\n')).split(/\s/)) {
        if (path !== '') t.truthy(found[path], `${path} was told`)
      }
      const { error, outcomes } = await receiveItems(arrivingOf(FILES), { dir })
      t.is(error, undefined)
      t.is(outcomes.length, 400)
      const after = Object.entries(await listing(dir)).filter(([, what]) => what.startsWith('file'))
      t.deepEqual(after.map(([path]) => path).sort(), Object.keys(FILES).sort())
    }
  })
}
