// Many streams, transactions, trails, rotations, recoveries, recovery managers or parts at once, each of which has
// handles open for a while; or as many sources, each in a folder of its own, that one transaction takes in.
//   many-child streams|transactions|trails|rotations|recoveries|managers|parts|copyIn|moveIn DIR COUNT
import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { setTimeout as later } from 'node:timers/promises'
import {
  AuditTrail,
  createAtomicWriteStream,
  FileTransaction,
  PartFile,
  RecoveryManager,
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
  if (what === 'trails') {
    await using trail = await AuditTrail.open(`${dir}/audit.jsonl`)
    await later(400)
    return trail.record({ operation: `${i}`, path: '', status: 'ok', duration: 0 })
  }
  if (what === 'rotations') {
    writeFileSync(`${dir}/${i}`, '')
    await rotateFile(`${dir}/${i}`, { durability: 'crash' })
    return
  }
  if (what === 'parts') {
    // some in one folder, some in folders of their own
    await using part = await PartFile.open(`${dir}/${i % 2 === 0 ? i : 'in'}/${i}`, {
      size: 1,
      journal: true,
    })
    await later(100)
    return void (await part.write(0, Buffer.from('1')))
  }
  await mkdir(`${dir}/${i}`)
  if (what === 'recoveries') return void (await recoverTransactions(`${dir}/${i}`))
  if (what === 'managers') {
    await using manager = await RecoveryManager.open(`${dir}/${i}`, { durability: 'crash' })
    await manager.run('write', 'file', () => later(100).then(() => writeFile(`${dir}/${i}/file`, '')))
    return void (await manager.commit())
  }
  await using transaction = await FileTransaction.begin(`${dir}/${i}`, { durability: 'crash' })
  await Promise.all(['a', 'b', 'c/d'].map((path) => transaction.write(path, slowly(`${i}`))))
  await transaction.commit()
}

async function bring(how: 'copyIn' | 'moveIn'): Promise<void> {
  mkdirSync(`${dir}/in`)
  await using transaction = await FileTransaction.begin(`${dir}/in`, { durability: 'crash' })
  const taken = Array.from({ length: Number(count) }, (_, i) => {
    mkdirSync(`${dir}/out/${i}`, { recursive: true })
    writeFileSync(`${dir}/out/${i}/file`, '')
    return transaction[how](`${dir}/out/${i}/file`, `${i}`)
  })
  await Promise.all(taken)
  for (const warning of (await transaction.commit()).warnings) console.log(String(warning))
}

const all =
  what === 'copyIn' || what === 'moveIn'
    ? [bring(what)]
    : Array.from({ length: Number(count) }, (_, i) => work(i))
const results = await Promise.allSettled(all)
for (const one of results) if (one.status === 'rejected') console.log(String(one.reason))
