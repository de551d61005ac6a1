import { createHash } from 'node:crypto'
import { SluiceError } from '../errors.js'
import { diskError, errorCode } from './disk-error.js'
import { OPEN, writeFully } from './fs.js'
import { encodeRecords, JOURNAL_VERSION, type JournalRecord } from './journal-records.js'
import { foldName } from './names.js'
import { type Owner, thisOwner } from './owner.js'
import type { Durability } from './publish.js'
import type { Directory, Tree } from './tree.js'

/** The clock of a journal; a parameter, so that tests need not wait. */
export interface JournalClock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls back once after `ms` milliseconds, unless the process ends before; gives a function that cancels it. */
  after(ms: number, callback: () => void): () => void
}

const CLOCK: JournalClock = {
  now: Date.now,
  after(ms, callback) {
    const timer = setTimeout(callback, ms).unref()
    return () => clearTimeout(timer)
  },
}

export interface JournalOptions {
  durability: Durability
  /** Names at the top that the transfer itself brings: our folder is called otherwise. */
  isTaken?: (name: string) => boolean
  owner?: Owner
  clock?: JournalClock
}

/** A file that is about to arrive. */
export interface JournalFile {
  path: string
  size: number | null
  mtime: number
  /** The path that it is to get, where it is another one: a folder above it has a suffix. */
  target?: string
  part: string
}

/** What a file came to. `part` says whether there is something left that a later run may go on with. */
export type JournalEnd =
  | { state: 'completed'; name?: string; digest?: Buffer }
  | { state: 'failed'; code: string; part: 'kept' | 'gone' }

/** The batch of DESIGN.md, section 7. */
const MOST_WAITING = 150
const LONGEST_WAIT = 2000

/** Our folder has one of these names, the first that is free or ours. */
export const JOURNAL_FOLDERS = ['.sluice', '.sluice_1', '.sluice_2', '.sluice_3', '.sluice_4'] as const

const MOST_TRIES = 16

const JOURNAL = /^[0-9a-f]{32}(\.[0-9a-f-]+)?\.journal$/

/** Whether one of ours has this name in our folder. */
export function isJournalName(name: string): boolean {
  return JOURNAL.test(name)
}

/**
 * What is known on disk about the files of one running transfer: append-only, one owner, in `.sluice/` of the
 * destination. It says which parts are ours, so that after a crash somebody may go on with them or remove them. What
 * it says of their content is a hint, never a proof.
 */
export class Journal {
  readonly #folder: Directory
  readonly #tree: Tree
  readonly #name: string
  readonly #fd: number
  readonly #power: boolean
  readonly #clock: JournalClock
  #size = 0
  #count = 0
  #unfinished = 0
  #waiting: JournalRecord[] = []
  #cancel: (() => void) | undefined
  #last: number
  #tail: Promise<void> = Promise.resolve()
  /** A batch in the background failed; said to the next caller. */
  #error: SluiceError | undefined

  private constructor(tree: Tree, opened: Opened, { durability, clock = CLOCK }: JournalOptions) {
    this.#tree = tree
    this.#folder = opened.folder
    this.#name = opened.name
    this.#fd = opened.fd
    this.#power = durability === 'power'
    this.#clock = clock
    this.#last = clock.now()
  }

  /**
   * Makes the journal of a transfer, and our folder around it.
   * Fails with `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_WRITE`.
   */
  static async create(tree: Tree, transfer: string, options: JournalOptions): Promise<Journal> {
    const opened = await openNew(tree, transfer, options.isTaken ?? (() => false))
    const journal = new Journal(tree, opened, options)
    try {
      const owner = options.owner ?? thisOwner()
      await journal.#append([{ kind: 'owner', version: JOURNAL_VERSION, transfer, owner }])
      if (journal.#power) await journal.#syncNames()
      return journal
    } catch (error) {
      await journal.finish().catch(() => {})
      throw error
    }
  }

  /** Takes down files whose parts will be made after this has resolved; gives their numbers. One write for all. */
  async begin(files: readonly JournalFile[]): Promise<number[]> {
    const at = this.#clock.now()
    const numbers: number[] = []
    const records = files.map((file): JournalRecord => {
      const n = this.#count++
      numbers.push(n)
      return { kind: 'begin', n, ...file, at }
    })
    this.#unfinished += files.length
    await this.#append(records)
    return numbers
  }

  /** The part of file `n` will have another name, because that one was taken. */
  rename(n: number, part: string): Promise<void> {
    return this.#append([{ kind: 'part', n, part, at: this.#clock.now() }])
  }

  /** Data is about to be written: says from time to time that the parts may have changed until now. */
  async alive(): Promise<void> {
    const at = this.#clock.now()
    if (at - this.#last > LONGEST_WAIT) await this.#append([{ kind: 'alive', at }])
  }

  /** Takes down what became of file `n`: at once in the books, on disk with the next batch. */
  end(n: number, end: JournalEnd): void {
    if (end.state === 'completed') {
      const { name, digest } = end
      this.#waiting.push({ kind: 'completed', n, name, digest: digest?.toString('hex') })
      this.#unfinished--
    } else {
      this.#waiting.push({ kind: 'failed', n, code: end.code, part: end.part })
      if (end.part === 'gone') this.#unfinished--
    }
    if (this.#waiting.length >= MOST_WAITING) this.#inBackground()
    else this.#cancel ??= this.#clock.after(LONGEST_WAIT, () => this.#inBackground())
  }

  /** Writes the batch; with 'power' it is on the disk when this resolves: then what it says may be acknowledged. */
  async flush(): Promise<void> {
    await this.#append([])
    if (!this.#power) return
    try {
      await this.#tree.fs.fsync(this.#fd)
    } catch (error) {
      throw diskError(error, 'sync the journal', this.#path)
    }
  }

  /** Ends it: where nothing is left to go on with, it goes, and our folder with it; else it stays for a later run. */
  async finish(): Promise<void> {
    if (this.#unfinished > 0) return this.close()
    this.#drop()
    await this.#tail
    const { fs } = this.#tree
    try {
      await fs.close(this.#fd).catch(() => {})
      await fs.unlink(this.#folder.at(this.#name))
    } catch (error) {
      throw diskError(error, 'remove the journal', this.#path)
    } finally {
      await removeFolder(this.#tree, this.#folder)
    }
  }

  /** Lets go of it: a later run may go on with the parts, or remove them. */
  async close(): Promise<void> {
    try {
      await this.#append([{ kind: 'released', at: this.#clock.now() }])
    } finally {
      this.#drop()
      this.#folder.release()
      await this.#tree.fs.close(this.#fd).catch(() => {})
    }
  }

  get #path(): string {
    return `${this.#folder.path}/${this.#name}`
  }

  #drop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#waiting = []
  }

  #inBackground(): void {
    this.#append([]).catch((error: SluiceError) => {
      this.#error ??= error
    })
  }

  /** One write after the other; what waits goes along. */
  #append(records: readonly JournalRecord[]): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    const all = [...this.#waiting, ...records]
    this.#waiting = []
    const before = this.#tail
    const done = (async () => {
      await before
      if (this.#error) throw this.#error
      if (all.length === 0) return
      const bytes = encodeRecords(all)
      try {
        await writeFully(this.#tree.fs, this.#fd, [bytes], this.#size)
      } catch (error) {
        throw diskError(error, 'write the journal', this.#path)
      }
      // after a failure the next write goes over what this one left
      this.#size += bytes.length
      this.#last = this.#clock.now()
    })()
    this.#tail = done.catch(() => {})
    return done
  }

  async #syncNames(): Promise<void> {
    await this.#folder.sync()
    const root = await this.#tree.directory('')
    try {
      await root.sync()
    } finally {
      root.release()
    }
  }
}

interface Opened {
  folder: Directory
  name: string
  fd: number
}

async function openNew(tree: Tree, transfer: string, isTaken: (name: string) => boolean): Promise<Opened> {
  const id = /^[0-9a-f]{32}$/.test(transfer)
    ? transfer
    : createHash('sha256').update(transfer).digest('hex').slice(0, 32)
  for (const folderName of JOURNAL_FOLDERS) {
    if (isTaken(foldName(folderName))) continue
    for (let tries = 1; ; tries++) {
      const folder = await ownFolder(tree, folderName)
      if (!folder) break
      try {
        return { folder, ...(await createFile(tree, folder, id)) }
      } catch (error) {
        await removeFolder(tree, folder)
        // the last journal in it went meanwhile, and the folder with it
        if (errorCode(error) === 'ENOENT' && tries < MOST_TRIES) continue
        throw diskError(error, 'make the journal', `${folderName}/${id}.journal`)
      }
    }
  }
  const message = `every name for the journal's folder is taken (${JOURNAL_FOLDERS.join(', ')}); move one away`
  throw new SluiceError('ERR_WRITE', message, { path: JOURNAL_FOLDERS[0] })
}

async function createFile(tree: Tree, folder: Directory, id: string): Promise<{ name: string; fd: number }> {
  for (let n = 0; ; n++) {
    const name = n === 0 ? `${id}.journal` : `${id}.${n}.journal`
    try {
      return { name, fd: await tree.fs.open(folder.at(name), OPEN.create, 0o600) }
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }
}

/** Makes or enters the folder; undefined where something else has its name. */
async function ownFolder(tree: Tree, name: string): Promise<Directory | undefined> {
  try {
    const made = await tree.makeDirectory(name, 0o700)
    const folder = await tree.directory(name)
    if (made === 'created' || (await isOwn(tree, folder))) return folder
    folder.release()
    return undefined
  } catch (error) {
    const cause = errorCode((error as SluiceError).cause)
    if ((error as SluiceError).code === 'ERR_UNSAFE_LINK' || cause === 'EEXIST' || cause === 'ENOTDIR')
      return undefined
    throw error
  }
}

/** Whether a standing folder is one of ours: nobody else may look into it, and there is nothing else inside. */
export async function isOwn(tree: Tree, folder: Directory): Promise<boolean> {
  const { mode } = await tree.fs.fstat(folder.fd)
  if (tree.fs.platform !== 'win32' && (mode & 0o077) !== 0) return false
  return (await folder.list()).every((name) => isJournalName(name.toString()))
}

/** Removes our folder if nothing is in it any more, and gives it back. */
export async function removeFolder(tree: Tree, folder: Directory): Promise<void> {
  const { path } = folder
  folder.release()
  const root = await tree.directory('')
  try {
    await tree.fs.rmdir(root.at(path))
  } catch {
    // another transfer has its journal there
  } finally {
    root.release()
  }
}
