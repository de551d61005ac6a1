import { join } from 'node:path'
import type { Mover } from '../movers/mover.js'
import { rsync } from '../movers/rsync.js'
import { empty, files, sparse, type Work } from '../work/work.js'
import { present, type Scene, type Setting } from './scene.js'
import { transfer } from './transfer.js'
import { sluice } from './transfers.js'

const MIB = 2 ** 20

/** How time and memory grow with the number of entries, and with bytes. */
export function growthScenes(quick: boolean): Scene[] {
  const scale = quick ? 10 : 1
  const million = quick ? 20_000 : 1_000_000
  const bytes = [1, 16, 256, 1024, 4096, 16_384].map((mebibytes) => mebibytes * MIB)
  return [
    growthScene({
      name: 'growth:entries',
      title: 'Growth: files of 100 bytes',
      growth: 'entries',
      rounds: 3,
      sizes: [1000, 10_000, 100_000].map((count) => count / scale),
      work: (count) => files(count, 100),
    }),
    growthScene({
      name: 'growth:million',
      title: 'Growth: entries of 0 bytes',
      growth: 'entries',
      rounds: 1,
      files: 4 * million,
      sizes: [million],
      work: empty,
      rivals: () => [],
    }),
    growthScene({
      name: 'growth:bytes',
      title: 'Growth: a sparse file',
      growth: 'bytes',
      sizes: quick ? bytes.slice(0, 3) : bytes,
      work: sparse,
      // whoever writes more than the memory holds measures the disk
      roundsOf: (size) => (size > 1024 * MIB ? 1 : 3),
      rivals: (size) => (size > 4096 * MIB ? [] : [rsync()]),
    }),
  ]
}

interface GrowthScene extends Omit<Scene, 'contenders'> {
  sizes: number[]
  work(size: number): Work
  rivals?(size: number): Mover[]
  roundsOf?(size: number): number
}

/** A scene in which the same programs move more and more. */
function growthScene({ sizes, work, rivals = () => [rsync()], roundsOf, ...scene }: GrowthScene): Scene {
  const ofSize = async (size: number, setting: Setting) => {
    const source = join(setting.scratch, `source-${size}`)
    work(size).make(source)
    const movers = await present([...setting.builds.map(sluice), ...rivals(size)], setting)
    const rounds = roundsOf?.(size)
    return movers.map((mover) => ({ ...transfer(mover, source, setting), size, rounds }))
  }
  return {
    ...scene,
    contenders: async (setting) => {
      const contenders = []
      for (const size of sizes) contenders.push(...(await ofSize(size, setting)))
      return contenders
    },
  }
}
