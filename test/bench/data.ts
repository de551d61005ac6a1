import { randomFillSync } from 'node:crypto'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

const PIECE = 1 << 20
const MIB = 2 ** 20

export type Load = 'large' | 'small' | 'tiny'

/**
 * Makes what the main cases transfer.
 * @param quick an eighth or a tenth of it
 * @returns what it is, as a title
 */
export function makeLoad(load: Load, folder: string, quick: boolean): string {
  if (load === 'large') {
    const bytes = (quick ? 128 : 1024) * MIB
    makeLarge(folder, bytes)
    for (const name of readdirSync(folder)) warm(join(folder, name))
    return `One file of ${bytes / MIB} MiB`
  }
  const count = (load === 'small' ? 10_000 : 100_000) / (quick ? 10 : 1)
  makeSmall(folder, count, load === 'small' ? () => 4096 : (i) => (i % 5 === 0 ? 0 : i % 200))
  return `${count} files of ${load === 'small' ? '4 KiB' : '0 to 199 bytes'}`
}

/** One file of random bytes in a folder of its own. */
export function makeLarge(folder: string, bytes: number): void {
  mkdirSync(folder, { recursive: true })
  const fd = openSync(join(folder, 'large.bin'), 'w')
  const piece = Buffer.alloc(PIECE)
  for (let done = 0; done < bytes; done += PIECE) {
    writeSync(fd, randomFillSync(piece), 0, Math.min(PIECE, bytes - done))
  }
  closeSync(fd)
}

/** Files of random bytes, a hundred to a folder. */
export function makeSmall(folder: string, count: number, bytes: (index: number) => number): void {
  const pool = randomFillSync(Buffer.alloc(PIECE))
  for (let i = 0; i < count; i++) {
    const inner = join(folder, `folder-${String(Math.floor(i / 100)).padStart(4, '0')}`)
    if (i % 100 === 0) mkdirSync(inner, { recursive: true })
    const size = bytes(i)
    const from = (i * 7919) % (PIECE - size)
    writeFileSync(join(inner, `file-${i}.bin`), pool.subarray(from, from + size))
  }
}

/** A file that is all hole: it takes no room here, and its full size at a receiver that does not look for holes. */
export function makeSparse(folder: string, bytes: number): void {
  mkdirSync(folder, { recursive: true })
  const fd = openSync(join(folder, 'sparse.bin'), 'w')
  ftruncateSync(fd, bytes)
  closeSync(fd)
}

/** Reads a file once, so that the page cache has it. */
function warm(path: string): void {
  const piece = Buffer.alloc(PIECE)
  const fd = openSync(path, 'r')
  for (let left = statSync(path).size; left > 0; ) {
    const got = readSync(fd, piece)
    if (got === 0) break
    left -= got
  }
  closeSync(fd)
}
