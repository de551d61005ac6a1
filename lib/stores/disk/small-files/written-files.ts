import type { FileIdentity } from '../../../files/disk/fs.js'
import type { FileNumbers } from '../../../files/disk/stats.js'
import type { Entry } from '../../../wire/entry.js'

/** Which file each of a run was written to: only that gets its name. No object for each, since there are very many. */
export class WrittenFiles {
  readonly #first: number
  readonly #inodes: FileIdentity['ino'][] = []
  readonly #devices: FileIdentity['dev'][] = []

  /** @param first the index of the first entry of the run */
  constructor(first: number) {
    this.#first = first
  }

  add({ index }: Entry, { ino, dev }: FileNumbers): void {
    this.#inodes[index - this.#first] = ino
    this.#devices[index - this.#first] = dev
  }

  of({ index, size }: Entry): FileIdentity {
    const at = index - this.#first
    return { ino: this.#inodes[at]!, dev: this.#devices[at]!, size: size! }
  }
}
