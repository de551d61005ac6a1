import { StatsByMode } from './stats-by-mode.js'

/** So many bytes `statx` writes, on every processor. */
export const STATX_BYTES = 256

/** It is asked for all that `stat` tells, and for the time of birth, which not every disk knows. */
export const STATX_MASK = 0xfff
const BIRTH = 0x800

/** What `statx` says of a file, as Node says it in numbers of 64 bits. */
export class StatxStats extends StatsByMode {
  size: number
  mode: number
  uid: number
  gid: number
  dev: bigint
  ino: bigint
  nlink: number
  mtimeMs: number
  ctimeMs: number
  birthtimeMs: number

  /** @param words of `struct statx`, see statx(2) */
  constructor(words: Uint32Array) {
    super()
    this.nlink = words[4]!
    this.uid = words[5]!
    this.gid = words[6]!
    this.mode = words[7]! & 0xffff
    this.ino = (BigInt(words[9]!) << 32n) | BigInt(words[8]!)
    this.size = words[10]! + words[11]! * 2 ** 32
    this.birthtimeMs = (words[0]! & BIRTH) === 0 ? 0 : millisecondsAt(words, 20)
    this.ctimeMs = millisecondsAt(words, 24)
    this.mtimeMs = millisecondsAt(words, 28)
    this.dev = deviceOf(words[34]!, words[35]!)
  }
}

/** Seconds as a signed number of 64 bits, and nanoseconds. */
function millisecondsAt(words: Uint32Array, at: number): number {
  const seconds = words[at]! + (words[at + 1]! | 0) * 2 ** 32
  return seconds * 1000 + words[at + 2]! / 1e6
}

/** Both numbers of a device in one, as the C library has it; that of the kind has twelve bits. */
function deviceOf(kind: number, number: number): bigint {
  return BigInt((number >>> 8) * 2 ** 20 + kind * 2 ** 8 + (number & 0xff))
}
