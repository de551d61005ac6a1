import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { recoverTransactions } from '../../../lib/files/index.js'
import { randomBySeed } from '../../../lib/testing/index.js'
import { plant, temporary } from '../../helpers/folders.js'
import { scale } from '../../helpers/scale.js'
import { generation, textOf } from '../../helpers/transaction-generation.js'

const CHILD = fileURLToPath(new URL('../../helpers/transaction-child.js', import.meta.url))

test('a process that runs transactions is killed at any moment: all files are of one generation, and none is lost', async (t) => {
  t.timeout(scale(2, 20) * 60_000)
  const random = randomBySeed(7)
  const dir = await plant(
    await temporary(t),
    Object.fromEntries(['a', 'b', 'sub/c', 'sub/d'].map((path) => [path, textOf(path, 1)])),
  )
  const recovered = new Map<string, number>()
  let acknowledged = 1
  for (let n = 0; n < scale(15, 150); n++) {
    // at the beginning of a call, while others are under way in other threads
    const at = 1 + Math.floor(random() * 700)
    const child = fork(CHILD, [dir, String(n), String(at)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    let said = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    t.deepEqual(await once(child, 'close'), [null, 'SIGKILL'], said)
    const ends = said.split('\n').slice(0, -1)
    for (const { state } of await recoverTransactions(dir))
      recovered.set(state, (recovered.get(state) ?? 0) + 1)
    const { number, files } = await generation(dir)
    acknowledged = Math.max(acknowledged, ...ends.map(Number))
    // the last one may have been done, and not said
    t.true(number === acknowledged || number === acknowledged + 1, `${number} after ${acknowledged}`)
    t.true(files.length >= 4)
    acknowledged = number
    const left = await readdir(dir, { recursive: true })
    t.deepEqual(
      left.filter((path) => path.includes('.sluice')),
      [],
    )
    t.true(left.includes(join('sub', 'c')) || number > 1)
  }
  t.log(`${acknowledged} transactions; recovered: ${JSON.stringify(Object.fromEntries(recovered))}`)
})
