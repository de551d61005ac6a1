import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import {
  type FileSystem,
  FileTransaction,
  nodeFileSystem,
  recoverTransactions,
} from '../../../lib/files/index.js'
import { temporary } from '../../helpers/folders.js'
import { LONG } from '../../helpers/scale.js'

const COUNT = 1000
const numbers = Array.from({ length: COUNT }, (_, i) => i)
const pathOf = (i: number) => `${i % 10}/file ${i}`

/** What stands below a folder: the content of each file, by its path. */
async function contents(dir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found[path.slice(dir.length + 1)] = await readFile(path, 'utf8')
  }
  return found
}

/** Every file is written, or every third one only; the others are moved and deleted. */
async function change(transaction: FileTransaction, text: string, others: boolean): Promise<void> {
  const operations = numbers.map((i) => {
    if (others && i % 3 === 1) return transaction.move(pathOf(i), `moved/${i}`)
    if (others && i % 3 === 2) return transaction.delete(pathOf(i))
    return transaction.write(pathOf(i), `${text} ${i}`)
  })
  await Promise.all(operations)
}

/** A transaction of which the 500th file cannot get its name. */
async function failInTheMiddle(dir: string, durability: 'crash' | 'power'): Promise<void> {
  let left = 500
  const fs: FileSystem = Object.create(nodeFileSystem, {
    rename: {
      value: async (from: string, to: string) => {
        if (/file \d+$/.test(to) && --left === 0) throw Object.assign(new Error('EIO'), { code: 'EIO' })
        return nodeFileSystem.rename(from, to)
      },
    },
  })
  const transaction = await FileTransaction.begin(dir, { durability, fs })
  await change(transaction, 'never', false)
  const failure = await transaction.commit().catch((error: unknown) => error)
  if (!isSluiceError(failure, 'ERR_WRITE')) throw failure
}

for (const durability of LONG ? (['power', 'crash'] as const) : (['power'] as const)) {
  test(`a transaction of 1,000 files changes all of them, or none: ${durability}`, async (t) => {
    const dir = await temporary(t)
    const took: string[] = []
    const began = performance.now()
    const lap = (what: string) => took.push(`${what} ${Math.round(performance.now() - began)} ms`)
    const first = await FileTransaction.begin(dir, { durability })
    await change(first, 'first', false)
    lap('staged')
    const { files, folders } = await first.commit()
    lap('committed')
    t.deepEqual([files.length, folders.length], [COUNT, 10])
    const old = await contents(dir)
    t.deepEqual(old, Object.fromEntries(numbers.map((i) => [pathOf(i), `first ${i}`])))

    if (LONG) {
      await failInTheMiddle(dir, durability)
      lap('another one failed in the middle, and undone')
      t.deepEqual(await contents(dir), old)
    }

    const second = await FileTransaction.begin(dir, { durability })
    await change(second, 'second', true)
    await second.commit()
    lap('mixed')
    const now = await contents(dir)
    t.is(Object.keys(now).length, numbers.filter((i) => i % 3 !== 2).length)
    for (const i of numbers) {
      t.is(now[pathOf(i)], i % 3 === 0 ? `second ${i}` : undefined)
      t.is(now[`moved/${i}`], i % 3 === 1 ? `first ${i}` : undefined)
    }
    t.deepEqual((await recoverTransactions(dir)).transactions, [])
    t.log(took.join(', '))
  })
}
