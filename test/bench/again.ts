import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { sameTree } from '../helpers/same-tree.js'
import { type CommandOptions, plainOf, runCommand } from './command.js'
import { makeLarge, makeSmall } from './data.js'
import { median, seconds, table } from './measure.js'
import type { Build, Run } from './pair.js'
import { countingRelay } from './relay.js'
import { runRsync } from './rsync.js'
import { settle } from './settle.js'

const MIB = 2 ** 20
/** Seconds since 1970: of older versions, and of what is sent. */
const OLD = 1_600_000_000
const NEW = 1_700_000_000

/** What stands at the receiver, and how each program is told to send what is there now. */
interface Case {
  name: string
  /** Makes what is sent, in an empty folder. */
  make(source: string): void
  /** Turns a copy of what is sent into what stands at the receiver. */
  age(standing: string): void
  sluice: CommandOptions
  rsync: readonly string[]
  /** What stands is what an interrupted transfer left, of either program. */
  isPart?: boolean
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
function touchAll(folder: string, seconds = OLD): void {
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    utimesSync(join(folder, path), seconds, seconds)
}

/** @param scale how much smaller than in full everything is */
function cases(scale: number): Case[] {
  const size = Math.round(1024 / scale) * MIB
  const count = Math.round(100_000 / scale)
  const large = (source: string) => makeLarge(source, size)
  const many = (source: string) => makeSmall(source, count, () => 100)
  const delta = ['--no-whole-file', '--inplace']
  const blocks = { send: ['--hash', 'blocks'], receive: ['--conflict', 'overwrite'] }
  return [
    {
      name: `${size / MIB} MiB, nothing there`,
      make: large,
      age: (standing) => rmSync(join(standing, 'large.bin')),
      sluice: blocks,
      rsync: ['--whole-file'],
    },
    {
      name: 'nine tenths there',
      make: large,
      age: (standing) => truncateSync(join(standing, 'large.bin'), Math.floor(size * 0.9)),
      sluice: blocks,
      rsync: ['--append-verify'],
      isPart: true,
    },
    {
      name: '160 bytes changed in it',
      make: large,
      age: (standing) =>
        older(join(standing, 'large.bin'), (fd) => {
          for (let i = 0; i < 160; i++) flipByte(fd, Math.floor(((i + 0.5) * size) / 160))
        }),
      sluice: blocks,
      rsync: delta,
    },
    {
      name: 'a byte inserted at its front',
      make: large,
      age: (standing) => {
        const path = join(standing, 'large.bin')
        const content = readFileSync(path)
        writeFileSync(path, content.subarray(1))
        utimesSync(path, OLD, OLD)
      },
      sluice: blocks,
      rsync: delta,
    },
    {
      name: '1,000 files, ten of them changed',
      make: (source) => makeSmall(source, 1000, () => 100_000),
      age: (standing) => {
        touchAll(standing)
        for (let i = 0; i < 10; i++)
          older(join(standing, `folder-000${i}`, `file-${i * 100}.bin`), (fd) => flipByte(fd, 50_000))
      },
      sluice: blocks,
      rsync: delta,
    },
    {
      name: `${count} files that all stand, by size and time`,
      make: many,
      age: () => {},
      sluice: { ...blocks, receive: ['--unless', 'unchanged'] },
      rsync: ['--whole-file'],
    },
    {
      name: `${count} files that all stand, by content`,
      make: many,
      age: (standing) => touchAll(standing),
      sluice: blocks,
      rsync: ['-c'],
    },
  ]
}

/**
 * Sends what stands at the receiver already, or an older version of it, beside rsync with the options that are meant
 * for that.
 * @returns a table in Markdown: medians, and of the ratios those within each round
 */
export async function compareAgain(
  scratch: string,
  build: Build,
  withRsync: boolean,
  rounds: number,
  quick: boolean,
  log: (line: string) => void,
): Promise<string> {
  const rows: string[][] = []
  let fresh: number | undefined
  for (const one of cases(quick ? 16 : 1)) {
    const source = join(scratch, 'again')
    mkdirSync(source)
    one.make(source)
    touchAll(source, NEW)
    const ours: Run[] = []
    const theirs: Run[] = []
    for (let round = 0; round < rounds; round++) {
      const runs = [
        async () =>
          ours.push(await run(one, source, scratch, (target) => sluice(one, build, source, target))),
        async () =>
          theirs.push(
            await run(one, source, scratch, (target) =>
              runRsync(source, target, scratch, { options: one.rsync, counted: true }),
            ),
          ),
      ]
      const inTurn = round % 2 === 0 ? runs : runs.reverse()
      for (const start of withRsync ? inTurn : [runs[0]!]) await start()
      log(`${one.name}: round ${round + 1}`)
    }
    rmSync(source, { recursive: true })
    const of = (all: Run[], pick: (run: Run) => number) =>
      all.length > 0 ? median(all.map(pick)) : undefined
    const wall = of(ours, (run) => run.wall)!
    fresh ??= wall
    const ratio = theirs.length > 0 ? median(ours.map((run, i) => run.wall / theirs[i]!.wall)) : undefined
    const shown = (value: number | undefined, show: (value: number) => string) =>
      value === undefined ? '–' : show(value)
    rows.push([
      one.name,
      seconds(wall),
      (wall / fresh).toFixed(2),
      shown(
        of(theirs, (run) => run.wall),
        seconds,
      ),
      shown(ratio, (value) => value.toFixed(2)),
      bytes(of(ours, (run) => run.bytes!)!),
      shown(
        of(theirs, (run) => run.bytes!),
        bytes,
      ),
      megabytesOf(ours),
    ])
  }
  return table(
    ['', 'sluice', 'of the first', 'rsync', 'of rsync', 'bytes: sluice', 'rsync', 'peak memory: sluice'],
    rows,
  )
}

const bytes = (value: number) => `${(value / 1e6).toFixed(value < 1e7 ? 2 : 0)} MB`
const megabytesOf = (runs: readonly Run[]) =>
  `${Math.round(Math.max(...runs.flatMap(({ send, receive }) => [send.peak, receive.peak])) / 1e6)} MB`

/** Makes what stands, runs, and compares. */
async function run(
  { age }: Case,
  source: string,
  scratch: string,
  start: (target: string) => Promise<Run>,
): Promise<Run> {
  const target = join(scratch, 'target')
  mkdirSync(target)
  const standing = join(target, basename(source))
  cpSync(source, standing, { recursive: true, preserveTimestamps: true })
  age(standing)
  settle()
  try {
    const result = await start(target)
    const { differences } = sameTree(source, standing)
    if (differences.length > 0) throw new Error(`not equal: ${differences.slice(0, 3).join(', ')}`)
    return result
  } finally {
    rmSync(target, { recursive: true })
  }
}

/** What is there in part is a part of ours, with its journal: what an interrupted transfer leaves. */
async function sluice(one: Case, build: Build, source: string, target: string): Promise<Run> {
  if (one.isPart) {
    const standing = join(target, basename(source), 'large.bin')
    const { size } = statSync(standing)
    rmSync(standing)
    await interrupted(build, source, target, size)
  }
  return runCommand(build, source, target, { ...one.sluice, counted: true })
}

/** The same commands, with a connection that breaks after so many bytes. */
async function interrupted(build: Build, source: string, target: string, cutAfter: number): Promise<void> {
  const start = (...args: string[]) =>
    spawn(build.node, [build.command, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  const receiver = start('receive', ...plainOf(build), '--dir', target, '--once', '--yes')
  const [address] = (await once(createInterface(receiver.stdout), 'line')) as [string]
  const relay = await countingRelay(Number(address.split(':').at(-1)), cutAfter)
  const to = `127.0.0.1:${relay.port}`
  const sender = start('send', source, '--to', to, '--hash', 'blocks')
  await Promise.all([receiver, sender].map((child) => once(child, 'exit')))
  relay.close()
}
