// Many streams, transactions, rotations or recoveries at once, each of which has handles open for a while.
//   many-child streams|transactions|rotations|recoveries DIR COUNT
import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { setTimeout as later } from 'node:timers/promises'
import {
  createAtomicWriteStream,
  FileTransaction,
  recoverTransactions,
  rotateFile,
} from '../../lib/files/index.js'

const [what, dir, count] = process.argv.slice(2) as [string, string, string]

/** Long enough for all others to have begun, had they not to wait. */
async function* slowly(text: string) {
  yield Buffer.from(text)
  await later(what === 'streams' ? 1500 : 400)
}

async function work(i: number): Promise<void> {
  if (what === 'streams') return pipeline(slowly(`${i}`), createAtomicWriteStream(`${dir}/${i}`))
  if (what === 'rotations') {
    writeFileSync(`${dir}/${i}`, '')
    await rotateFile(`${dir}/${i}`, { durability: 'crash' })
    return
  }
  await mkdir(`${dir}/${i}`)
  if (what === 'recoveries') return void (await recoverTransactions(`${dir}/${i}`))
  await using transaction = await FileTransaction.begin(`${dir}/${i}`, { durability: 'crash' })
  await Promise.all(['a', 'b', 'c/d'].map((path) => transaction.write(path, slowly(`${i}`))))
  await transaction.commit()
}

const results = await Promise.allSettled(Array.from({ length: Number(count) }, (_, i) => work(i)))
for (const one of results) if (one.status === 'rejected') console.log(String(one.reason))
