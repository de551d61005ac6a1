import {
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { NAMES } from '../figures/names.js'
import { type CommandOptions, command } from '../movers/command.js'
import type { Job, Mover } from '../movers/mover.js'
import { rsync } from '../movers/rsync.js'
import { files, large, type Work } from '../work/work.js'
import type { Scene } from './scene.js'
import { transferScene } from './transfer.js'

const MIB = 2 ** 20
/** Seconds since 1970: of older versions, and of what is sent. */
const OLD = 1_600_000_000
const NEW = 1_700_000_000

/** What stands at the receiver, and how each program is told to send what is there now. */
interface Case {
  name: string
  title: string
  work: Work
  /** Turns a copy of what is sent into what stands at the receiver. */
  age(standing: string): void
  receive?: CommandOptions['receive']
  rsync: readonly string[]
  /** What stands is what an interrupted transfer left, of either program. */
  isPart?: boolean
  /**
   * Whether it is about the bytes that travel: then these are counted on their way, which takes time. It is played only
   * where it is asked for.
   */
  areBytesCounted?: boolean
}

/** @param scale how much smaller than in full everything is */
function cases(scale: number): Case[] {
  const size = Math.round(1024 / scale) * MIB
  const count = Math.round(100_000 / scale)
  const file = (standing: string) => join(standing, 'large.bin')
  const delta = ['--no-whole-file', '--inplace']
  return [
    {
      name: 'nothing',
      title: 'nothing is there',
      work: large(size),
      age: (standing) => rmSync(file(standing)),
      rsync: ['--whole-file'],
    },
    {
      name: 'part',
      title: 'nine tenths are there',
      work: large(size),
      age: (standing) => truncateSync(file(standing), Math.floor(size * 0.9)),
      rsync: ['--append-verify'],
      isPart: true,
    },
    {
      name: 'changed',
      title: '160 bytes changed in it',
      work: large(size),
      age: (standing) =>
        older(file(standing), (fd) => {
          for (let i = 0; i < 160; i++) flipByte(fd, Math.floor(((i + 0.5) * size) / 160))
        }),
      rsync: delta,
      areBytesCounted: true,
    },
    {
      name: 'inserted',
      title: 'a byte is new at its front',
      work: large(size),
      age: (standing) => {
        writeFileSync(file(standing), readFileSync(file(standing)).subarray(1))
        utimesSync(file(standing), OLD, OLD)
      },
      rsync: delta,
      areBytesCounted: true,
    },
    {
      name: 'ten',
      title: 'ten of them changed',
      work: files(1000, 100_000),
      age: (standing) => {
        touchAll(standing, OLD)
        for (let i = 0; i < 10; i++)
          older(join(standing, `folder-000${i}`, `file-${i * 100}.bin`), (fd) => flipByte(fd, 50_000))
      },
      rsync: delta,
      areBytesCounted: true,
    },
    {
      name: 'unchanged',
      title: 'all stand, by size and time',
      work: files(count, 100),
      age: () => {},
      receive: ['--unless', 'unchanged'],
      rsync: ['--whole-file'],
    },
    {
      name: 'equal',
      title: 'all stand, by content',
      work: files(count, 100),
      age: (standing) => touchAll(standing, OLD),
      rsync: ['-c'],
    },
  ]
}

/**
 * What stands at the receiver already, or an older version of it, is sent again; beside rsync with the options that are
 * meant for that.
 */
export function againScenes(quick: boolean): Scene[] {
  return cases(quick ? 16 : 1).map(
    ({ name, title, work, age, receive, rsync: options, isPart, areBytesCounted }) =>
      transferScene({
        name: `again:${name}`,
        title: `${work.title}: ${title}`,
        rounds: 3,
        work: {
          ...work,
          make: (folder) => {
            work.make(folder)
            touchAll(folder, NEW)
          },
        },
        own: (build) => [command(build, NAMES.command, { receive: receive ?? ['--conflict', 'overwrite'] })],
        rivals: () => [rsync(NAMES.rsyncAgain, options)],
        ...(areBytesCounted && { extra: true, link: {} }),
        prepare: (job, mover) => stand(job, mover, age, isPart),
      }),
  )
}

/** Makes what stands. Of an interrupted transfer of ours that is a part of its own, with its journal. */
async function stand(job: Job, mover: Mover, age: Case['age'], isPart: boolean | undefined): Promise<void> {
  const standing = join(job.target, basename(job.source))
  cpSync(job.source, standing, { recursive: true, preserveTimestamps: true })
  age(standing)
  if (isPart) await mover.interrupt?.(job)
}

/** An older version of a file: its time is another one, so that nobody skips it by that. */
function older(path: string, change: (fd: number) => void): void {
  const fd = openSync(path, 'r+')
  change(fd)
  closeSync(fd)
  utimesSync(path, OLD, OLD)
}

function flipByte(fd: number, at: number): void {
  const byte = Buffer.alloc(1)
  readSync(fd, byte, 0, 1, at)
  byte[0]! ^= 1
  writeSync(fd, byte, 0, 1, at)
}

/** Gives all a time in whole seconds, which every copy keeps. */
function touchAll(folder: string, seconds: number): void {
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    utimesSync(join(folder, path), seconds, seconds)
}
