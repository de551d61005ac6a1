import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { RecoveryManager, recoverTransactions, rotateFile, writeFileAtomic } from '../../lib/files/index.js'
import { plant, temporary } from '../helpers/folders.js'
import { generation, numberOf, textOf } from '../helpers/generations.js'
import { checkNothingLeft, Kills } from '../helpers/kills.js'
import { scale } from '../helpers/scale.js'

// Processes are killed with SIGKILL at random moments of what they do with files, over and over in the same folder:
// what must hold after a crash holds each time. The long run comes to more than 500 of them.

/** Calls of about one round of each role, or of its end: it dies in one of them. */
const WITHIN = { write: 60, rotate: 150, transaction: 130, recover: 130, change: 250, undo: 80 }

/** The content of a file, which must be whole: its number. */
function wholeNumber(text: string, name: string): number {
  const number = numberOf(text)
  if (text !== textOf(name, number)) throw new Error(`torn: ${text.slice(0, 40)}, ${text.length} characters`)
  return number
}

test('killed while it writes: each file is the old or the new one, no acknowledged one is lost, and each backup is whole', async (t) => {
  t.timeout(scale(2, 20) * 60_000)
  const kills = new Kills(t)
  const dir = await plant(await temporary(t), {
    'at-once': textOf('at-once', 1),
    stream: textOf('stream', 1),
  })
  let acknowledged = 1
  while (kills.total < scale(4, 130)) {
    const { done } = await kills.run('write', dir, WITHIN.write, acknowledged)
    const numbers: number[] = []
    for (const name of ['at-once', 'stream']) {
      const number = wholeNumber(await readFile(join(dir, name), 'utf8'), name)
      numbers.push(number)
      const backups: number[] = []
      for (const one of (await readdir(dir)).filter((one) => one.startsWith(`${name}.`)))
        backups.push(wholeNumber(await readFile(join(dir, one), 'utf8'), name))
      // one that died between its two files writes the first one again: its backup then is of the same number
      const last = Math.max(...backups)
      t.true(number === 1 || last === number - 1 || last === number, `${backups} of ${number}`)
    }
    const [first, second] = numbers as [number, number]
    t.true(first === second || first === second + 1, `${numbers}`)
    t.true(second === done || second === done + 1, `${second} after ${done}`)
    // a new process goes on from the higher one
    acknowledged = second
    await checkNothingLeft(dir)
  }
  // whatever was left of writes that did not end, the next one that does keeps as many backups as it should
  await writeFileAtomic(join(dir, 'stream'), 'last', { backup: 2 })
  t.is((await readdir(dir)).filter((name) => name.startsWith('stream.')).length, 2)
  kills.log()
})

test('killed while it rotates: no content that is to be kept is lost or torn, and the next run ends it', async (t) => {
  t.timeout(scale(2, 20) * 60_000)
  const kills = new Kills(t)
  const dir = await temporary(t)
  let acknowledged = 0
  const numberIn = async (name: string) => {
    const bytes = await readFile(join(dir, name))
    return wholeNumber((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString(), 'log')
  }
  while (kills.total < scale(4, 130)) {
    const { done } = await kills.run('rotate', dir, WITHIN.rotate, acknowledged)
    const numbers: number[] = []
    for (const name of await readdir(dir)) if (name.startsWith('log')) numbers.push(await numberIn(name))
    const last = Math.max(0, ...numbers)
    t.true(last === done || last === done + 1, `${last} after ${done}`)
    for (const kept of [last, last - 1, last - 2]) t.true(kept < 1 || numbers.includes(kept), `${numbers}`)
    // the one that compresses also ends an interrupted compression
    await rotateFile(join(dir, 'log'), { keep: 3, compress: true })
    await checkNothingLeft(dir)
    const after: number[] = []
    for (const name of (await readdir(dir)).sort()) after.push(await numberIn(name))
    t.deepEqual(
      after,
      [last, last - 1, last - 2].filter((kept) => kept > 0),
    )
    acknowledged = last
  }
  kills.log()
})

test('killed while it runs transactions, and while it recovers them: all files are of one generation, and none is lost', async (t) => {
  t.timeout(scale(2, 20) * 60_000)
  const kills = new Kills(t)
  const files = ['a', 'b', 'sub/c', 'sub/d']
  const dir = await plant(
    await temporary(t),
    Object.fromEntries(files.map((path) => [path, textOf(path, 1)])),
  )
  const recovered = new Map<string, number>()
  let acknowledged = 1
  while (kills.total < scale(6, 200)) {
    const { done } = await kills.run('transaction', dir, WITHIN.transaction, acknowledged)
    // until one gets to the end, or two have died
    for (let left = 2; left > 0 && (await kills.run('recover', dir, WITHIN.recover)).died; left--);
    for (const { state } of (await recoverTransactions(dir)).transactions)
      recovered.set(state, (recovered.get(state) ?? 0) + 1)
    const { number, files } = await generation(dir)
    // the last one may have been done, and not said
    t.true(number === done || number === done + 1, `${number} after ${done}`)
    t.true(files.length >= 4)
    acknowledged = number
    await checkNothingLeft(dir, { orphans: false })
  }
  kills.log()
  t.log(`left for the last recovery: ${JSON.stringify(Object.fromEntries(recovered))}`)
})

test('killed while it changes files with recovery points, and while it takes them back: all are old, or all new', async (t) => {
  t.timeout(scale(2, 20) * 60_000)
  const kills = new Kills(t)
  const files = ['a', 'sub/b', 'only-1']
  const dir = await plant(
    await temporary(t),
    Object.fromEntries(files.map((path) => [path, textOf(path, 1)])),
  )
  let acknowledged = 1
  while (kills.total < scale(6, 160)) {
    const { done } = await kills.run('change', dir, WITHIN.change, acknowledged)
    for (let left = 2; left > 0 && (await kills.run('undo', dir, WITHIN.undo)).died; left--);
    const manager = await RecoveryManager.open(dir)
    for (const { state, path } of await manager.undo())
      t.true(state === 'undone' || state === 'unchanged', `${path} ${state}`)
    await manager.close()
    const { number, files } = await generation(dir)
    t.true(number === done || number === done + 1, `${number} after ${done}`)
    t.deepEqual(files, ['a', `only-${number}`, 'sub/b'])
    acknowledged = number
    await checkNothingLeft(dir)
    // of what was half done a backup is kept
    for (const path of await readdir(dir, { recursive: true }))
      if (path.endsWith('.bak')) await rm(join(dir, path))
  }
  kills.log()
})
