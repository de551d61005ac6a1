import { join } from 'node:path'
import { NAMES } from '../figures/names.js'
import { library, programs } from '../movers/library.js'
import { files, large } from '../work/work.js'
import type { Scene } from './scene.js'
import { transfer, transferScene } from './transfer.js'
import { largeWork, smallWork } from './transfers.js'

const MIB = 2 ** 20
/** Milliseconds that a slow disk takes longer for each write. */
const SLOW = 200

/** How late the event loops of two servers are while they transfer: as servers that did so before, and the first time. */
export function loopScenes(quick: boolean): Scene[] {
  const works = { 'loop:large': largeWork(quick), 'loop:small': smallWork(quick) }
  const disk = Object.entries(works).map(([name, work]) =>
    transferScene({
      name,
      title: `Event loop of a server: ${work.title}`,
      work,
      rounds: 3,
      own: (build) => [
        library(build, NAMES.server, { delay: true, isWarm: true }),
        library(build, NAMES.serverBlocks, { algorithm: 'blocks', delay: true, isWarm: true }),
        library(build, NAMES.serverFirst, { delay: true }),
      ],
      rivals: ({ node }) => [
        programs(NAMES.tarFs, { node, program: { kind: 'tar-fs' }, delay: true, isWarm: true }),
      ],
    }),
  )
  return [...disk, slowDisk(quick)]
}

const slowDisk = (quick: boolean): Scene => ({
  name: 'loop:slow',
  title: `Event loop of a server: a disk that takes ${SLOW} ms for each write`,
  rounds: 1,
  contenders: async (setting) => {
    const works = quick ? [large(2 * MIB), files(50, 4096)] : [large(32 * MIB), files(500, 4096)]
    return works.flatMap((work, at) => {
      const source = join(setting.scratch, `source-${at}`)
      work.make(source)
      return setting.builds.map((build) => {
        const mover = library(build, `${NAMES.server}, ${work.title}`, { delay: true, writeDelay: SLOW })
        return transfer(mover, source, setting)
      })
    })
  },
})
