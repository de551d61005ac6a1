import { basename, dirname, join } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { type Clock, systemClock } from '../disk/clock.js'
import { diskError } from '../disk/disk-error.js'
import { type FileSystem, OPEN } from '../disk/fs.js'
import { moveFile } from '../disk/move-file.js'
import { withRegular } from '../disk/open-regular.js'
import { ifThere, lstatIfThere } from '../disk/stats.js'
import { syncFile } from '../disk/sync.js'
import { temporaryName } from '../own/temporary-name.js'
import type { OpenFolder } from '../tree/open-folder.js'
import { compressFile, holdsSame } from './compress-file.js'
import type { RotateOptions, Rotation } from './rotate-file.js'
import { filesOf, listSlots, type Slot, slotName } from './slots.js'

/** One rotation, under the lock. It may be interrupted after any step; the next run continues. */
export class RotationRun {
  readonly #fs: FileSystem
  readonly #folder: OpenFolder
  readonly #folderPath: string
  readonly #name: string
  readonly #keep: number
  readonly #compress: boolean
  readonly #power: boolean
  readonly #clock: Clock
  #warning: SluiceError | undefined

  constructor(fs: FileSystem, folder: OpenFolder, path: string, options: RotateOptions) {
    this.#fs = fs
    this.#folder = folder
    this.#folderPath = dirname(path)
    this.#name = basename(path)
    this.#keep = options.keep ?? 5
    this.#compress = options.compress ?? false
    this.#power = options.durability !== 'crash'
    this.#clock = options.clock ?? systemClock
  }

  async run(): Promise<Rotation> {
    const slots = await this.#slots()
    // a killed run may have renamed files without a sync: those names must be durable before the next renames
    if (this.#power && slots.size > 0) await this.#folder.sync()
    const rotated = await this.#rotate(slots)
    const removed: string[] = []
    let to = rotated ? slotName(this.#name, 1, 'plain') : undefined
    try {
      await this.#removeSpare(removed)
      if (this.#compress) await this.#compressAll()
      if (rotated) to = filesOf((await this.#slots()).get(1)).at(-1)?.[1]
    } catch (error) {
      // the file is rotated: after an error the caller would rotate again; the next run does the rest
      if (!rotated) throw error
      this.#warning ??= diskError(error, 'clear up after the rotation of', this.#path(this.#name))
    }
    return {
      rotated,
      ...(to !== undefined && { to: this.#path(to) }),
      removed,
      ...(this.#warning && { warning: this.#warning }),
    }
  }

  #slots(): Promise<Map<number, Slot>> {
    return listSlots(this.#fs, this.#folder, this.#name)
  }

  /** Moves the files up to the first free number, then the file itself to number 1. */
  async #rotate(slots: Map<number, Slot>): Promise<boolean> {
    if (!(await this.#isThere())) return false
    let free = 1
    while (slots.has(free)) free++
    for (let number = free - 1; number >= 1; number--) {
      for (const [kind, name] of filesOf(slots.get(number))) {
        await this.#move(name, slotName(this.#name, number + 1, kind))
      }
    }
    await this.#move(this.#name, slotName(this.#name, 1, 'plain'))
    return true
  }

  /** Whether the file exists; with 'power' its content is synced before its name changes. */
  async #isThere(): Promise<boolean> {
    const flags = this.#fs.platform === 'win32' ? OPEN.update : OPEN.read
    const look = async (fd: number) => {
      if (this.#power) await this.#fs.fsync(fd)
      return true
    }
    const at = this.#folder.at(this.#name)
    return (await ifThere(withRegular(this.#fs, at, look, flags))) ?? false
  }

  /**
   * By one rename: that moves whatever has the old name at that moment, so that no file is lost unseen, as between a
   * link and an unlink. Whether the new name is free is checked right before: a file that a program without the lock
   * puts there in between is lost. With 'power' each move is synced before the next one takes the name that it freed.
   */
  async #move(from: string, to: string): Promise<void> {
    const [source, target] = [this.#folder.at(from), this.#folder.at(to)]
    const known = await this.#fs.lstat(source)
    if (await lstatIfThere(this.#fs, target)) {
      const message = `${printable(to)} was made by somebody else in this moment; move it away`
      throw new SluiceError('ERR_CONFLICT', message, { path: this.#path(to) })
    }
    await moveFile(this.#fs, this.#clock, source, target, known)
    if (this.#power) await this.#folder.sync()
  }

  async #removeSpare(removed: string[]): Promise<void> {
    for (const [number, slot] of await this.#slots()) {
      if (number <= this.#keep) continue
      for (const [, name] of filesOf(slot)) {
        await this.#remove(name)
        removed.push(this.#path(name))
      }
    }
  }

  async #compressAll(): Promise<void> {
    for (const [number, { plain, compressed }] of await this.#slots()) {
      if (plain === undefined) continue
      const made = compressed ?? (await this.#compressOne(plain, slotName(this.#name, number, 'compressed')))
      const packed = this.#folder.at(made)
      if (await holdsSame(this.#fs, this.#folder.at(plain), packed)) {
        // an earlier run may not have synced its content; its name was synced at the beginning
        if (this.#power && compressed !== undefined) await syncFile(this.#fs, packed)
        await this.#remove(plain)
        continue
      }
      if (compressed === undefined) await this.#remove(made)
      const message = `${printable(plain)} is not the same as what was compressed of it: it is left as it is; who writes to it should close it before the rotation`
      this.#warning ??= new SluiceError('ERR_SOURCE_CHANGED', message, { path: this.#path(plain) })
    }
    if (this.#power) await this.#folder.sync()
  }

  async #compressOne(plain: string, name: string): Promise<string> {
    const temporary = temporaryName()
    const at = this.#folder.at(temporary)
    await compressFile(this.#fs, this.#folder.at(plain), at, this.#power)
    try {
      await this.#move(temporary, name)
    } catch (error) {
      await this.#fs.unlink(at).catch(() => {})
      throw error
    }
    return name
  }

  async #remove(name: string): Promise<void> {
    try {
      await this.#fs.unlink(this.#folder.at(name))
    } catch (error) {
      // the call may have succeeded although its answer was an error
      if (await lstatIfThere(this.#fs, this.#folder.at(name))) throw error
    }
  }

  #path(name: string): string {
    return join(this.#folderPath, name)
  }
}
