import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { sameTree } from '../helpers/same-tree.js'
import { makeLoad, makeSparse } from './data.js'
import { megabytes, seconds, table } from './measure.js'
import { type Build, runPair } from './pair.js'
import { settle } from './settle.js'

const GIB = 2 ** 30

/** Bytes of resident memory that no process may reach. */
const TARGET = 200e6

/**
 * Moves one very large file, and very many very small ones.
 * @returns a table in Markdown: the peak of resident memory of each process
 */
export async function compareMemory(
  source: string,
  scratch: string,
  build: Build,
  programs: readonly string[],
  quick: boolean,
  log: (line: string) => void,
): Promise<string> {
  const bytes = quick ? GIB / 2 : 4 * GIB
  const cases = [
    (folder: string) => {
      makeSparse(folder, bytes)
      return `A sparse file of ${bytes / GIB} GiB`
    },
    (folder: string) => makeLoad('tiny', folder, quick),
  ]
  const rows: string[][] = []
  for (const make of cases) {
    const folder = join(source, 'memory')
    const name = make(folder)
    for (const program of programs) {
      const target = join(scratch, 'target')
      settle()
      const { wall, send, receive } = await runPair({ build, program, source: folder, target })
      const { differences } = sameTree(folder, join(target, basename(folder)))
      if (differences.length > 0) throw new Error(`${program} did not deliver the same: ${differences[0]}`)
      rmSync(target, { recursive: true })
      const peak = Math.max(send.peak, receive.peak)
      rows.push([
        `${name}, ${program}`,
        megabytes(send.peak),
        megabytes(receive.peak),
        peak < TARGET ? 'yes' : 'NO',
        seconds(wall),
      ])
      log(`memory: ${rows.at(-1)!.join(', ')}`)
    }
    rmSync(folder, { recursive: true })
  }
  return table(['', 'peak memory: sender', 'receiver', `both below ${megabytes(TARGET)}`, 'wall'], rows)
}
