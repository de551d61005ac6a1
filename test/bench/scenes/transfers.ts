import { NAMES } from '../figures/names.js'
import type { Build } from '../movers/build.js'
import { command } from '../movers/command.js'
import { library, programs } from '../movers/library.js'
import type { Mover } from '../movers/mover.js'
import { rsync } from '../movers/rsync.js'
import { scp } from '../movers/scp.js'
import { tarThroughNc } from '../movers/tar.js'
import { files, large, mixed, type Work } from '../work/work.js'
import type { Scene } from './scene.js'
import { transferScene } from './transfer.js'

const MIB = 2 ** 20

/** The command with its defaults, but for the secure channel. */
export const sluice = (build: Build) => command(build, NAMES.command)
const server = (build: Build) => library(build, NAMES.server)
export const tarFs = ({ node }: Build): Mover => programs(NAMES.tarFs, { node, program: { kind: 'tar-fs' } })
const nodePipeline = ({ node }: Build): Mover =>
  programs(NAMES.pipeline, { node, program: { kind: 'pipeline' } })

/** The large file and the small ones, which other scenes move, too. */
export const largeWork = (quick: boolean): Work => large((quick ? 128 : 1024) * MIB)
export const smallWork = (quick: boolean): Work =>
  files(quick ? 1000 : 10_000, 4096, `${quick ? 1000 : 10_000} files of 4 KiB`)

/** What people move, beside the programs with which they do it today. */
export function transferScenes(quick: boolean): Scene[] {
  const tiny = quick ? 10_000 : 100_000
  return [
    transferScene({
      name: 'large',
      work: largeWork(quick),
      own: (build) => [
        sluice(build),
        server(build),
        library(build, NAMES.serverBlocks, { algorithm: 'blocks' }),
      ],
      rivals: (build) => [rsync(), nodePipeline(build), tarFs(build), tarThroughNc],
    }),
    transferScene({
      name: 'small',
      work: smallWork(quick),
      own: (build) => [
        sluice(build),
        command(build, NAMES.power, { receive: ['--durability', 'power'] }),
        server(build),
      ],
      rivals: (build) => [rsync(), tarFs(build), tarThroughNc],
    }),
    transferScene({
      name: 'mixed',
      work: mixed,
      own: (build) => [sluice(build), server(build)],
      rivals: (build) => [rsync(), tarFs(build), tarThroughNc],
    }),
    transferScene({
      name: 'tiny',
      work: files(tiny, 100),
      rounds: 3,
      own: (build) => [sluice(build), server(build)],
      rivals: () => [rsync(), tarThroughNc],
    }),
    transferScene({
      name: 'secure',
      title: 'The secure channel: one file',
      work: largeWork(quick),
      own: (build) => [command(build, NAMES.plain), command(build, NAMES.secure, { secure: true })],
      rivals: () => [scp],
    }),
  ]
}

/** Milliseconds in each direction. */
const FAR = 44

/** The same over a line that takes its time. */
export function farScenes(quick: boolean): Scene[] {
  const both = { own: (build: Build) => [sluice(build)], rivals: () => [rsync()], rounds: 3 }
  const mebibytes = quick ? 16 : 200
  const megabytes = quick ? 40 : 400
  return [
    transferScene({
      name: 'far:large',
      title: `One file over a line with ${2 * FAR} ms round trip`,
      work: largeWork(quick),
      link: { delay: FAR },
      ...both,
    }),
    transferScene({
      name: 'far:capped',
      title: `${mebibytes} MiB over a line with ${2 * FAR} ms round trip and 50 MB/s`,
      work: large(mebibytes * MIB),
      link: { delay: FAR, rate: 50e6 },
      ...both,
    }),
    transferScene({
      name: 'far:connections',
      title: `${megabytes} MB over connections of 100 ms round trip and 10 MB/s each`,
      work: large(megabytes * 1e6),
      link: { delay: 50, rate: 10e6 },
      own: (build) =>
        [NAMES.connections1, NAMES.connections2, NAMES.connections4].map((name, i) =>
          command(build, name, { send: ['--connections', String(2 ** i)] }),
        ),
      rounds: 1,
    }),
  ]
}
