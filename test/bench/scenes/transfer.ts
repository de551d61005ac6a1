import { mkdtempSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { sameTree } from '../../helpers/same-tree.js'
import type { Link } from '../children/proxy.js'
import type { Sample } from '../figures/usage.js'
import type { Build } from '../movers/build.js'
import type { Job, Mover } from '../movers/mover.js'
import type { Contender } from '../rounds.js'
import type { Work } from '../work/work.js'
import { present, type Scene, type Setting } from './scene.js'

export interface TransferScene extends Omit<Scene, 'title' | 'contenders'> {
  title?: string
  work: Work
  /** Those of this project, once for each build. */
  own(build: Build): Mover[]
  /** Other programs; those of Node run with the Node of the build that is measured. */
  rivals?(build: Build): Mover[]
  /** What is between the two sides. */
  link?: Link
  /** Makes what stands at the receiver before it begins. */
  prepare?(job: Job, mover: Mover): Promise<void>
}

/** A scene in which several programs move the same folder. */
export function transferScene({ work, own, rivals, link, prepare, ...scene }: TransferScene): Scene {
  return {
    title: work.title,
    ...scene,
    contenders: async (setting) => {
      const source = join(setting.scratch, 'source')
      work.make(source)
      const all = [...setting.builds.flatMap(own), ...(rivals?.(setting.builds[0]) ?? [])]
      const movers = await present(all, setting)
      return movers.map((mover) => transfer(mover, source, setting, { link, prepare }))
    },
  }
}

/** From so many files on, a target is removed only when all is measured. */
const MANY = 100
/** From so many on it is removed at once all the same, where the disk may run out of inodes. */
const TOO_MANY = 50_000

/** A contender that moves a folder with a program. What arrived is compared, each time. */
export function transfer(
  mover: Mover,
  source: string,
  { scratch, roomy }: Setting,
  { link, prepare }: Pick<TransferScene, 'link' | 'prepare'> = {},
): Contender {
  const { name } = mover
  const run = async (): Promise<Sample> => {
    const target = mkdtempSync(join(scratch, 'target-'))
    const job: Job = { source, target, scratch, link }
    await prepare?.(job, mover)
    const sample = await mover.move(job)
    const { differences, files } = sameTree(source, join(target, basename(source)), { links: 'skip' })
    if (differences.length > 0) throw new Error(`${name} did not deliver the same: ${differences[0]}`)
    // many removed files make the next ones slow: ext4 looks in vain at each inode that was freed a moment ago
    if (files < MANY || (files >= TOO_MANY && !roomy)) rmSync(target, { recursive: true })
    return sample
  }
  return { name, run }
}
