import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import type { Item } from '../../../lib/stages/river/items.js'
import type { Run } from '../../../lib/wire/run.js'
import { temporary } from '../../helpers/folders.js'
import { arrivingOf } from '../../helpers/items.js'
import { receiveItems } from '../../helpers/river.js'

test('the content of small files is let go when it is written, however late their digests come', async (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const size = 16 * 1024
  const content = Object.fromEntries(Array.from({ length: 1600 }, (_, i) => [`f${i}`, 'x'.repeat(size)]))
  const items = arrivingOf(content, { run: 16 * size })
  const runs = items.filter((item): item is Run => item.kind === 'run')
  const bytes = async () => {
    // what the first one found is swept in the background
    for (let n = 0; n < 3; n++) {
      gc()
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return process.memoryUsage().arrayBuffers
  }
  let before = 0
  let after = 0
  async function* digestsLast(): AsyncGenerator<Item> {
    yield items[0]!
    before = await bytes()
    for (const run of runs) {
      // bytes of its own, as they come from a socket
      yield { ...run, buffers: [Buffer.alloc(run.length, 'x')] }
      await new Promise((resolve) => setImmediate(resolve))
    }
    after = await bytes()
    yield* items.filter(({ kind }) => kind === 'digests' || kind === 'end')
  }
  const { error } = await receiveItems(digestsLast(), { dir: await temporary(t) })
  t.is(error, undefined)
  t.true(after - before < 8e6, `${(after - before) / 1e6} MB of ${(1600 * size) / 1e6} MB are held`)
})
