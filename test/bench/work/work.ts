import { randomFillSync } from 'node:crypto'
import {
  closeSync,
  cpSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { CHECKOUT } from '../movers/build.js'

const PIECE = 1 << 20
const MIB = 2 ** 20

/** What is moved: a folder. */
export interface Work {
  title: string
  /** Makes it, with its content. */
  make(folder: string): void
}

/** One file of random bytes, which the page cache has: it is the transfer that is measured. */
export function large(bytes: number): Work {
  return {
    title: `One file of ${bytes / MIB} MiB`,
    make: (folder) => {
      makeLarge(folder, bytes)
      warm(join(folder, 'large.bin'))
    },
  }
}

/** Files of random bytes, a hundred to a folder. */
export function files(count: number, bytes: number, title = `${count} files of ${bytes} bytes`): Work {
  return { title, make: (folder) => makeFiles(folder, count, bytes) }
}

/** Files without content, and the folders that they are in: `count` entries in all. */
export function empty(count: number): Work {
  return {
    title: `${count} entries of 0 bytes`,
    make: (folder) => makeFiles(folder, Math.floor((count * PER_FOLDER) / (PER_FOLDER + 1)), 0),
  }
}

/** A tree as people have it: the packages of this project. Not its links, which not every program moves. */
export const mixed: Work = {
  title: 'The node_modules of this project',
  make: (folder) => {
    mkdirSync(folder, { recursive: true })
    cpSync(join(CHECKOUT, 'node_modules'), join(folder, 'node_modules'), {
      recursive: true,
      filter: (path) => !lstatSync(path).isSymbolicLink(),
    })
  },
}

/** A file that is all hole: it takes no room here, and its full size at a receiver that does not look for holes. */
export function sparse(bytes: number): Work {
  return {
    title: `A sparse file of ${bytes / MIB} MiB`,
    make: (folder) => {
      mkdirSync(folder, { recursive: true })
      const fd = openSync(join(folder, 'sparse.bin'), 'w')
      ftruncateSync(fd, bytes)
      closeSync(fd)
    },
  }
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

const PER_FOLDER = 100

export function makeFiles(folder: string, count: number, bytes: number): void {
  const pool = randomFillSync(Buffer.alloc(PIECE))
  for (let i = 0; i < count; i++) {
    const inner = join(folder, `folder-${String(Math.floor(i / PER_FOLDER)).padStart(4, '0')}`)
    if (i % PER_FOLDER === 0) mkdirSync(inner, { recursive: true })
    const from = (i * 7919) % (PIECE - bytes)
    writeFileSync(join(inner, `file-${i}.bin`), pool.subarray(from, from + bytes))
  }
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
