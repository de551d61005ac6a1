import { deepStrictEqual } from 'node:assert'
import type { Stream } from 'node:stream'
import { piecesOf, randomPieces } from '../../splits.js'
import { type ConformanceCase, ensure } from './probe.js'

/** Throws unless what was found means the same as what was expected. */
export type Same<T> = (found: T[], expected: T[]) => void

/** Bytes are joined, since their division means nothing; objects are compared one by one, deeply. */
export function same(found: unknown[], expected: unknown[]): void {
  if (!areBytes(found) || !areBytes(expected) || found.length + expected.length === 0) {
    deepStrictEqual(found, expected)
    return
  }
  const [a, b] = [Buffer.concat(found), Buffer.concat(expected)]
  if (a.equals(b)) return
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  ensure(false, `${a.length} bytes came, ${b.length} were expected; they differ from byte ${at} on`)
}

/** Whether all chunks are bytes. */
export function areBytes(chunks: unknown[]): chunks is Buffer[] {
  return chunks.every((chunk) => Buffer.isBuffer(chunk))
}

/** The stream has these methods, and says that it is not destroyed: what `pipeline()` and the river use of it. */
export function describe(stream: Stream, methods: string[]): void {
  const found = stream as unknown as Record<string, unknown>
  for (const method of methods) ensure(typeof found[method] === 'function', `it has no method ${method}()`)
  ensure(found.destroyed === false, `it is destroyed, or has no property 'destroyed'`)
}

const SEEDS = 8

/** A case for each way to split `input`, if it is bytes; else for the input as it is. */
export function inSplits<I>(
  input: () => I[] | Promise<I[]>,
  check: (input: unknown[]) => Promise<void>,
): ConformanceCase[] {
  const split = (how: (bytes: Buffer) => Buffer[]) => async () => {
    const chunks: unknown[] = await input()
    if (areBytes(chunks)) await check(how(Buffer.concat(chunks)))
  }
  return [
    { name: 'it makes of the input what it should', run: async () => check(await input()) },
    { name: 'it makes the same of bytes in one piece', run: split((bytes) => [bytes]) },
    { name: 'it makes the same of single bytes', run: split((bytes) => piecesOf(bytes, 1)) },
    { name: 'it makes the same of bytes in pairs', run: split((bytes) => piecesOf(bytes, 2)) },
    {
      name: 'it makes the same of pieces of random sizes, some of them empty',
      async run() {
        for (let seed = 1; seed <= SEEDS; seed++) await split((bytes) => randomPieces(bytes, seed))()
      },
    },
  ]
}

/** The beginnings of `input` that are not the whole: of every length in bytes, or else in objects. */
export function* beginningsOf(input: unknown[]): Generator<{ at: number; part: unknown[] }> {
  const bytes = areBytes(input) ? Buffer.concat(input) : undefined
  const end = bytes?.length ?? input.length
  for (let at = 0; at < end; at++) {
    if (bytes) yield { at, part: at === 0 ? [] : [bytes.subarray(0, at)] }
    else yield { at, part: input.slice(0, at) }
  }
}
