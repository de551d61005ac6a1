import {
  closeSync,
  type Dirent,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import { join } from 'node:path'

/** What is compared beside names, kinds and every byte. */
export interface SameTreeOptions {
  /** Permission bits, of files and folders. */
  modes?: boolean
  /** Times of modification in whole milliseconds, of files and folders. */
  times?: boolean
  /** A name that is not looked for in the target, wherever it stands. */
  except?: string
  /** `skip`: links of the source are not looked for in the target. */
  links?: 'compare' | 'skip'
}

/** What a comparison found. */
export interface SameTree {
  files: number
  folders: number
  links: number
  bytes: number
  /** One sentence for each difference; the first hundred. */
  differences: string[]
}

const PIECE = 1 << 20
const MOST_DIFFERENCES = 100

/**
 * Compares two folders by reading both: names, kinds, every byte, and what the options ask for. Uses `node:fs` and
 * nothing of the library, so that it can judge it.
 */
export function sameTree(source: string, target: string, options: SameTreeOptions = {}): SameTree {
  const result: SameTree = { files: 0, folders: 0, links: 0, bytes: 0, differences: [] }
  const note = (text: string) => {
    if (result.differences.length < MOST_DIFFERENCES) result.differences.push(text)
  }
  const skipLinks = options.links === 'skip'
  const pieces: [Buffer, Buffer] = [Buffer.alloc(PIECE), Buffer.alloc(PIECE)]

  const folder = (path: string) => {
    const found = new Map(list(join(target, path)).map((entry) => [entry.name, entry]))
    for (const entry of list(join(source, path))) {
      if (entry.name === options.except) continue
      if (entry.isSymbolicLink() && skipLinks) {
        result.links++
        continue
      }
      const inner = path === '' ? entry.name : `${path}/${entry.name}`
      const other = found.get(entry.name)
      found.delete(entry.name)
      if (!other) note(`${inner}: missing`)
      else if (kind(entry) !== kind(other)) note(`${inner}: a ${kind(entry)} became a ${kind(other)}`)
      else node(inner, entry)
    }
    for (const name of found.keys()) note(`${join(path, name)}: not in the source`)
  }

  const node = (path: string, entry: Dirent) => {
    const [a, b] = [join(source, path), join(target, path)]
    if (entry.isSymbolicLink()) {
      result.links++
      if (readlinkSync(a) !== readlinkSync(b)) note(`${path}: the link points elsewhere`)
      return
    }
    const [before, after] = [statSync(a), statSync(b)]
    const meta = metadata(before, after, options)
    if (meta) note(`${path}: ${meta}`)
    if (entry.isDirectory()) {
      result.folders++
      folder(path)
    } else if (entry.isFile()) {
      result.files++
      result.bytes += before.size
      const at = before.size === after.size ? difference(a, b, pieces) : Math.min(before.size, after.size)
      if (at !== undefined) note(`${path}: differs from byte ${at}`)
    }
  }

  folder('')
  return result
}

const list = (path: string) => readdirSync(path, { withFileTypes: true })

const kind = (entry: Dirent) =>
  entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'special file'

const wholeMs = (stats: Stats) => Math.floor(stats.mtimeMs)

function metadata(a: Stats, b: Stats, { modes, times }: SameTreeOptions): string | undefined {
  if (modes && (a.mode & 0o777) !== (b.mode & 0o777)) {
    return `mode ${(b.mode & 0o777).toString(8)}, not ${(a.mode & 0o777).toString(8)}`
  }
  // a time in seconds as a double is not exact to the millisecond on every file system
  if (times && Math.abs(wholeMs(a) - wholeMs(b)) > 1) return `time ${b.mtimeMs}, not ${a.mtimeMs}`
  return undefined
}

/** The place of the first byte that differs, if one does. */
function difference(a: string, b: string, [left, right]: [Buffer, Buffer]): number | undefined {
  const one = openSync(a, 'r')
  const two = openSync(b, 'r')
  try {
    for (let position = 0; ; ) {
      const got = readSync(one, left, 0, left.length, position)
      const other = got === 0 ? 0 : readSync(two, right, 0, got, position)
      if (got === 0) return undefined
      if (got !== other || !left.subarray(0, got).equals(right.subarray(0, got))) {
        return position + left.findIndex((byte, i) => byte !== right[i])
      }
      position += got
    }
  } finally {
    closeSync(one)
    closeSync(two)
  }
}
