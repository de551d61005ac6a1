import type { FileNumbers } from '../disk/stats.js'
import {
  type FileId,
  type IdStep,
  idOf,
  type JournalFile,
  type JournalRecord,
  type RunFile,
} from './journal-records.js'

/** Bytes of the files of one run record, unless one alone is longer: an average path is far from the longest. */
const LONGEST_RUN = 48 * 1024
/** Bytes of a file of a run record beside its texts. */
const RUN_FILE = 64

/**
 * The records of files that have plain part names, as few as go.
 * @param targetOf the path that a file is to get
 * @param first the number of the first file, which the others follow
 * @param at milliseconds since 1970
 */
export function runRecords(
  files: readonly Omit<JournalFile, 'part' | 'target'>[],
  targetOf: (path: string) => string,
  first: number,
  at: number,
): JournalRecord[] {
  const records: JournalRecord[] = []
  let room = 0
  let list: RunFile[] = []
  for (const [i, { path, size, mtime }] of files.entries()) {
    const target = targetOf(path)
    const file: RunFile = path === target ? [path, size, mtime] : [path, size, mtime, target]
    // JSON makes at most six bytes of one
    const most = 6 * (path.length + (path === target ? 0 : target.length)) + RUN_FILE
    if (most > room) {
      list = []
      records.push({ kind: 'run', n: first + i, files: list, at })
      room = LONGEST_RUN
    }
    room -= most
    list.push(file)
  }
  return records
}

type IdsRecord = Extract<JournalRecord, { kind: 'ids' }>

/** Steps of one record, which may take 26 bytes each. */
const MOST_STEPS = 2000

/** The records that say which files the parts of runs are: most inodes are that of the file before and one more. */
export class RunIds {
  readonly records: Omit<IdsRecord, 'at'>[] = []
  #steps: IdStep[] = []
  /** The number that the next file must have to be in the same record. */
  #next = -1
  #last: FileNumbers = { dev: 0n, ino: 0n }

  /** The part of file `n` is this file. */
  add(n: number, file: FileNumbers): void {
    const more = Number(file.ino - this.#last.ino)
    const goesOn = n === this.#next && file.dev === this.#last.dev && Number.isSafeInteger(more)
    const step = this.#steps.at(-1)
    if (goesOn && step?.[0] === more) step[1]++
    else if (goesOn && this.#steps.length < MOST_STEPS) this.#steps.push([more, 1])
    else {
      this.#steps = []
      this.records.push({ kind: 'ids', n, ...idOf(file), steps: this.#steps })
    }
    this.#next = n + 1
    this.#last = file
  }
}

/** How many files a record names that {@link RunIds} made. */
export function countOf(steps: readonly IdStep[]): number {
  return steps.reduce((sum, [, count]) => sum + count, 1)
}

/** The files that such a record names, from the first on. */
export function* filesOf({
  dev,
  ino,
  steps,
}: FileId & { steps: readonly IdStep[] }): Generator<FileId, void> {
  let last = BigInt(ino)
  yield { dev, ino }
  for (const [more, count] of steps) {
    for (let i = 0; i < count; i++) {
      last += BigInt(more)
      yield { dev, ino: String(last) }
    }
  }
}
