/** The bits of a mode that say what kind of thing it is, and some of the kinds: the same on every system. */
const KIND = 0o170000
const FILE = 0o100000
const FOLDER = 0o040000
const LINK = 0o120000

/** Stats that know by their mode of what kind they are. */
export abstract class StatsByMode {
  abstract readonly mode: number

  isFile(): boolean {
    return (this.mode & KIND) === FILE
  }

  isDirectory(): boolean {
    return (this.mode & KIND) === FOLDER
  }

  isSymbolicLink(): boolean {
    return (this.mode & KIND) === LINK
  }
}
