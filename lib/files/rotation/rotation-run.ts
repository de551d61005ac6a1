import { basename, dirname, join } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { type Clock, systemClock } from '../disk/clock.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import { type FileSystem, OPEN } from '../disk/fs.js'
import { moveFile } from '../disk/move-file.js'
import { openRegular } from '../disk/open-regular.js'
import { lstatIfThere } from '../disk/stats.js'
import { syncFile } from '../disk/sync.js'
import { temporaryName } from '../own/temporary-name.js'
import type { Directory } from '../tree/directory.js'
import { compressFile, holdsSame } from './compress-file.js'
import type { RotateOptions, Rotation } from './rotate-file.js'
import { filesOf, listSlots, type Slot, slotName } from './slots.js'

/** One run of a rotation, under the lock. Every step can be the last one, and is gone on with by the next run. */
export class RotationRun {
  readonly #fs: FileSystem
  readonly #directory: Directory
  readonly #folder: string
  readonly #name: string
  readonly #keep: number
  readonly #compress: boolean
  readonly #power: boolean
  readonly #clock: Clock
  #warning: SluiceError | undefined

  constructor(fs: FileSystem, directory: Directory, path: string, options: RotateOptions) {
    this.#fs = fs
    this.#directory = directory
    this.#folder = dirname(path)
    this.#name = basename(path)
    this.#keep = options.keep ?? 5
    this.#compress = options.compress ?? false
    this.#power = options.durability !== 'crash'
    this.#clock = options.clock ?? systemClock
  }

  async run(): Promise<Rotation> {
    const slots = await this.#slots()
    // a run that was killed may have moved them: what it freed would be taken for good before it is free for good
    if (this.#power && slots.size > 0) await this.#directory.sync()
    const rotated = await this.#rotate(slots)
    const removed: string[] = []
    let to = rotated ? slotName(this.#name, 1, 'plain') : undefined
    try {
      await this.#removeSpare(removed)
      if (this.#compress) await this.#compressAll()
      if (rotated) to = filesOf((await this.#slots()).get(1)).at(-1)?.[1]
    } catch (error) {
      // whoever was told that a rotated file is not would do it again; the next run goes on with the rest
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
    return listSlots(this.#fs, this.#directory, this.#name)
  }

  /** Makes room at 1, up to the first number that is free, and takes it. */
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

  /** Whether the file is there; with 'power' its content is made to last before its name changes. */
  async #isThere(): Promise<boolean> {
    const { platform } = this.#fs
    try {
      const flags = platform === 'win32' ? OPEN.update : OPEN.read
      const { fd } = await openRegular(this.#fs, this.#directory.at(this.#name), flags)
      try {
        if (this.#power) await this.#fs.fsync(fd)
      } finally {
        await this.#fs.close(fd)
      }
      return true
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
  }

  /**
   * By one rename: it takes whatever has the old name in that very moment, so that nothing goes that nobody saw, as it
   * could between a link and an unlink. Whether the new name is free is looked at right before: what somebody who
   * ignores the lock makes under it between this look and the rename is lost. With 'power' each move lasts before the
   * next one takes the name that it freed.
   */
  async #move(from: string, to: string): Promise<void> {
    const [source, target] = [this.#directory.at(from), this.#directory.at(to)]
    const known = await this.#fs.lstat(source)
    if (await lstatIfThere(this.#fs, target)) {
      const message = `${printable(to)} was made by somebody else in this moment; move it away`
      throw new SluiceError('ERR_CONFLICT', message, { path: this.#path(to) })
    }
    await moveFile(this.#fs, this.#clock, source, target, known)
    if (this.#power) await this.#directory.sync()
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
      const packed = this.#directory.at(made)
      if (await holdsSame(this.#fs, this.#directory.at(plain), packed)) {
        // the bytes of an earlier run may be in memory only; its name was synced at the beginning
        if (this.#power && compressed !== undefined) await syncFile(this.#fs, packed)
        await this.#remove(plain)
        continue
      }
      if (compressed === undefined) await this.#remove(made)
      const message = `${printable(plain)} is not the same as what was compressed of it: it is left as it is; who writes to it should close it before the rotation`
      this.#warning ??= new SluiceError('ERR_SOURCE_CHANGED', message, { path: this.#path(plain) })
    }
    if (this.#power) await this.#directory.sync()
  }

  async #compressOne(plain: string, name: string): Promise<string> {
    const temporary = temporaryName()
    const at = this.#directory.at(temporary)
    await compressFile(this.#fs, this.#directory.at(plain), at, this.#power)
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
      await this.#fs.unlink(this.#directory.at(name))
    } catch (error) {
      // an answer may have been lost
      if (await lstatIfThere(this.#fs, this.#directory.at(name))) throw error
    }
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }
}
