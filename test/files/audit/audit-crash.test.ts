import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import { AuditTrail, readAudit } from '../../../lib/files/index.js'
import type { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, faultSweep } from '../../helpers/sweep.js'

const COUNT = 5
const entry = (path: string) => ({ operation: 'write', path, status: 'ok' as const, duration: 1 })

const openTrail = (fs: MemoryDisk) =>
  AuditTrail.open('/d/log', { fs, durability: 'power', maxBytes: 250, keep: 20, session: 's' })

async function paths(fs: MemoryDisk): Promise<string[]> {
  const found: string[] = []
  for await (const { path } of readAudit('/d/log', { fs })) found.push(path)
  return found
}

test('a power cut at any call of appending and rotating loses no record that was acknowledged', async (t) => {
  /** How many calls had been made when record n was acknowledged. */
  const acknowledgedAt: number[] = []
  const { states } = await crashSweep({
    set: (disk) => {
      disk.putFolder('/d')
      disk.put('/d/other', 'not ours')
    },
    work: async (disk) => {
      const trail = await openTrail(disk)
      for (let n = 0; n < COUNT; n++) {
        await trail.record(entry(`${n}`))
        acknowledgedAt.push(disk.calls)
      }
      await trail.close()
    },
    recover: async (disk) => {
      const trail = await openTrail(disk)
      await trail.record(entry('recovered'))
      await trail.close()
    },
    look: async (found, acknowledged, place) => {
      const call = acknowledged ? Number.POSITIVE_INFINITY : Number(/\((\d+)\)/.exec(place)![1])
      const records = await paths(found)
      const expected = acknowledgedAt.flatMap((at, n) => (at <= call ? [`${n}`] : []))
      const kept = records.filter((path) => path !== 'recovered').slice(0, expected.length)
      if (kept.join() !== expected.join()) throw new Error(`${place}: ${records} instead of ${expected}`)
      if (records.at(-1) !== 'recovered')
        throw new Error(`${place}: the new record is not the last: ${records}`)
      if (found.snapshot().get('/d/other')?.toString() !== 'not ours') throw new Error(place)
    },
  })
  t.true(states > scale(50, 300), String(states))
  t.log(`${states} states`)
})

test('whichever call fails, a record that resolved stands, and one that did not has a code', async (t) => {
  const { runs } = await faultSweep({
    set: (disk) => disk.putFolder('/d'),
    work: async (disk) => {
      const resolved: string[] = []
      const errors: unknown[] = []
      let trail: AuditTrail | undefined
      try {
        trail = await openTrail(disk)
        for (let n = 0; n < COUNT; n++) {
          await trail.record(entry(`${n}`)).then(
            () => resolved.push(`${n}`),
            (error) => errors.push(error),
          )
        }
      } catch (error) {
        errors.push(error)
      }
      await trail?.close().catch((error) => errors.push(error))
      return { resolved, errors }
    },
    look: async (disk, result, place) => {
      const { resolved, errors } = result as { resolved: string[]; errors: unknown[] }
      if (!errors.every((error) => isSluiceError(error))) throw new Error(`${place}: ${errors}`)
      if (resolved.length < COUNT && errors.length === 0) throw new Error(`${place}: no error`)
      const records = await paths(disk)
      const missing = resolved.filter((path) => !records.includes(path))
      if (missing.length > 0) throw new Error(`${place}: ${missing} of ${resolved} missing in ${records}`)
    },
  })
  t.log(`${runs} runs`)
  t.true(runs > scale(30, 300))
})
