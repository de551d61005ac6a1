import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { sameTree } from '../helpers/same-tree.js'
import { makeLarge, makeSmall } from './data.js'
import { type Delay, milliseconds, table } from './measure.js'
import { type Build, runPair } from './pair.js'
import { settle } from './settle.js'

/** Milliseconds at the 99th percentile that a server's event loop may be late. */
const TARGET = 20
const MIB = 2 ** 20

/**
 * Measures how late the event loops of both processes are while they transfer.
 * @param programs those with the disk as it is; @param slow those whose receiver waits 200 ms for each write
 * @returns a table in Markdown
 */
export async function compareDelay(
  source: string,
  scratch: string,
  build: Build,
  programs: readonly string[],
  slow: readonly string[],
  quick: boolean,
  log: (line: string) => void,
): Promise<string> {
  const bytes = quick ? 128 * MIB : 1024 * MIB
  const count = quick ? 1000 : 10_000
  const cases = [
    { name: `${bytes / MIB} MiB`, programs, make: (folder: string) => makeLarge(folder, bytes) },
    { name: `${count} × 4 KiB`, programs, make: (folder: string) => makeSmall(folder, count, () => 4096) },
    { name: '32 MiB', programs: slow, make: (folder: string) => makeLarge(folder, 32 * MIB) },
    { name: '500 × 4 KiB', programs: slow, make: (folder: string) => makeSmall(folder, 500, () => 4096) },
  ]
  const rows: string[][] = []
  for (const { name, programs, make } of cases) {
    const folder = join(source, 'delay')
    make(folder)
    for (const program of programs) {
      const target = join(scratch, 'target')
      settle()
      const { send, receive } = await runPair({ build, program, source: folder, target, delay: true })
      const { differences } = sameTree(folder, join(target, basename(folder)))
      if (differences.length > 0) throw new Error(`${program} did not deliver the same: ${differences[0]}`)
      rmSync(target, { recursive: true })
      const delays = [send.delay!, receive.delay!]
      rows.push([
        `${name}, ${program}`,
        ...delays.flatMap(figures),
        delays.every(({ p99 }) => p99 <= TARGET) ? 'yes' : 'NO',
      ])
      log(`delay: ${rows.at(-1)!.join(', ')}`)
    }
    rmSync(folder, { recursive: true })
  }
  return table(
    ['', 'sender: median', 'p99', 'max', 'receiver: median', 'p99', 'max', `p99 ≤ ${TARGET} ms`],
    rows,
  )
}

const figures = ({ p50, p99, max }: Delay) => [p50, p99, max].map(milliseconds)
