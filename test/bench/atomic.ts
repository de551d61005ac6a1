import { mkdirSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import otherWrite from 'write-file-atomic'
import { writeFileAtomic } from '../../lib/files/index.js'
import { streamPeak } from '../helpers/stream-peak.js'
import { median, megabytes, seconds, table } from './measure.js'
import { settle } from './settle.js'

/** Bytes of resident memory that the process of the stream may not reach. */
const TARGET = 100e6

/** Writers that go on at once with the small files. */
const AT_ONCE = 16

type Durability = 'power' | 'crash'
type Write = (path: string, data: Buffer) => Promise<unknown>

const OTHER = 'write-file-atomic'
const OTHER_SYNCED = `${OTHER}, and the folder synced`
const OURS = 'Sluice'

/** The other one gives no digest: without it the guarantees are the same, and more. */
function writers(durability: Durability): Record<string, Write> {
  const other: Write = (path, data) => otherWrite(path, data, { fsync: durability === 'power' })
  return {
    [OTHER]: other,
    // what it would need to promise what 'power' does
    ...(durability === 'power' && {
      [OTHER_SYNCED]: async (path, data) => {
        await other(path, data)
        await syncFolder(dirname(path))
      },
    }),
    [OURS]: (path, data) => writeFileAtomic(path, data, { durability, digest: false }),
    [`${OURS}, with digest`]: (path, data) => writeFileAtomic(path, data, { durability }),
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  await folder.sync().finally(() => folder.close())
}

/** What each gives beyond a rename, by its source. */
const GUARANTEES: [string, string, string][] = [
  ['the name changes in one step', 'yes', 'yes'],
  ['power: the content is synced before it', 'yes', 'yes'],
  ['power: the folder is synced after it', 'no', 'yes'],
  ['writes until all bytes are out', 'no', 'yes'],
  ['a short write is an error', 'no', 'yes'],
  ['temporary file is made exclusively', 'no', 'yes'],
  ['temporary file is not made through a link', 'no', 'yes'],
  ['error of close is an error', 'yes', 'yes'],
  ['size is looked at before the rename', 'no', 'yes'],
  ['owner and mode of the old file are kept', 'yes', 'yes'],
  ['what was left by a killed process is collected', 'no', 'yes'],
  ['digest of what was written', 'no', 'unless off'],
]

interface Case {
  title: string
  bytes: number
  count: number
  /** Files that each writes before it is the turn of the next one: what else the machine does meets all alike. */
  slice: number
}

/**
 * Writes many small files and one large one by each writer in turn, and streams one that is far larger than memory.
 * @returns tables in Markdown; the ratios are those of the medians, below 1 for what is faster
 */
export async function compareAtomic(
  scratch: string,
  rounds: number,
  quick: boolean,
  log: (line: string) => void,
): Promise<string> {
  const cases: Case[] = [
    { title: `${quick ? 200 : 2000} files of 1 KiB`, bytes: 1024, count: quick ? 200 : 2000, slice: 100 },
    { title: `one file of ${quick ? 32 : 256} MiB`, bytes: (quick ? 32 : 256) * 2 ** 20, count: 1, slice: 1 },
  ]
  const rows: string[][] = []
  for (const one of cases) {
    for (const durability of ['power', 'crash'] as const) {
      rows.push(...(await compare(one, durability, scratch, rounds, log)))
    }
  }
  const speed = table(['', 'median', `ratio to ${OTHER}`, 'to it with the same syncs'], rows)
  const guarantees = table(['', OTHER, OURS], GUARANTEES)
  return [speed, guarantees, await memory(scratch, quick, log)].join('\n\n')
}

async function compare(
  { title, bytes, count, slice }: Case,
  durability: Durability,
  scratch: string,
  rounds: number,
  log: (line: string) => void,
): Promise<string[][]> {
  const data = Buffer.alloc(bytes, 'sluice')
  const contenders = Object.entries(writers(durability)).map(([name, write], place) => {
    const folder = join(scratch, `atomic-${place}`)
    mkdirSync(folder)
    return { name, write, place, folder, took: [] as number[] }
  })
  // the first round makes the files, the others replace them
  for (let round = -1; round < rounds; round++) {
    const sums = new Map(contenders.map((contender) => [contender, 0]))
    for (let first = 0; first < count; first += slice) {
      contenders.push(contenders.shift()!)
      for (const contender of contenders) {
        settle()
        const began = performance.now()
        await writeSlice(contender.write, contender.folder, first, Math.min(slice, count - first), data)
        sums.set(contender, sums.get(contender)! + performance.now() - began)
      }
    }
    if (round >= 0) for (const [{ took }, sum] of sums) took.push(sum)
    log(`atomic: ${title}, ${durability}, round ${round + 1} of ${rounds}`)
  }
  for (const { name, folder } of contenders) {
    for (let i = 0; i < count; i++) {
      if (statSync(join(folder, `${i}`)).size !== bytes) throw new Error(`${name} wrote less`)
    }
    rmSync(folder, { recursive: true })
  }
  const middleOf = (which: string) => median(contenders.find(({ name }) => name === which)!.took)
  const others = [OTHER, durability === 'power' ? OTHER_SYNCED : OTHER].map(middleOf)
  return contenders
    .sort((a, b) => a.place - b.place)
    .map(({ name, took }) => {
      const middle = median(took)
      const ratios = others.map((other) => (middle / other).toFixed(2))
      return [`${title}, ${durability}, ${name}`, `${middle.toFixed(0)} ms`, ...ratios]
    })
}

async function writeSlice(write: Write, folder: string, first: number, count: number, data: Buffer) {
  let next = first
  const writer = async () => {
    while (next < first + count) await write(join(folder, `${next++}`), data)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, writer))
}

/** The peak of a process of its own that streams into a file. */
async function memory(scratch: string, quick: boolean, log: (line: string) => void): Promise<string> {
  const bytes = (quick ? 0.25 : 2) * 2 ** 30
  const { peak, wall } = await streamPeak(scratch, bytes)
  log(`atomic: stream of ${bytes} bytes, peak ${megabytes(peak)}`)
  const row = [
    `a stream of ${bytes / 2 ** 30} GiB`,
    megabytes(peak),
    peak < TARGET ? 'yes' : 'NO',
    seconds(wall),
  ]
  return table(['createAtomicWriteStream', 'peak memory', `below ${megabytes(TARGET)}`, 'wall'], [row])
}
