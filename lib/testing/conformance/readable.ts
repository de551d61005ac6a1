import { type Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { checkSuite } from './harness/check-suite.js'
import { destroyCases, errorCases, optionCases, patienceOf } from './harness/moments.js'
import {
  boundOf,
  type ConformanceCase,
  type ConformanceOptions,
  closeCame,
  ensure,
  framed,
  hintAt,
  listening,
  QUIET,
  sizeOf,
  turns,
  within,
} from './harness/probe.js'
import { describe, type Same, same } from './harness/sameness.js'

/** What {@link readableConformance} needs to know of a Readable of `O`. */
export interface ReadableConformance<O> extends ConformanceOptions {
  /** What it gives, from its beginning to its end. */
  expected: () => O[] | Promise<O[]>
  /** A Readable of the same kind with much to give: many megabytes, or thousands of objects. */
  many: () => Readable | Promise<Readable>
  /** Bytes or objects that it may read ahead: 1 MiB, or 16 objects, by default. */
  bound?: number
  /** Throws unless the two outputs mean the same; bytes are joined, objects compared deeply, by default. */
  same?: Same<O>
}

/** The properties of every Readable at the head of a river, each as a case for any test runner. */
export function readableConformance<O>(
  factory: () => Readable | Promise<Readable>,
  options: ReadableConformance<O>,
): ConformanceCase[] {
  checkSuite('factory', factory, options, {
    own: { expected: true, many: true, bound: true, same: true },
    needed: ['expected', 'many'],
    optional: ['same'],
  })
  const make = listening(factory)
  const patience = patienceOf(options)
  const subject = { make, reads: true }
  const check = async (found: O[]) => (options.same ?? same)(found, await options.expected())
  const read = (how: (stream: Readable, into: O[]) => Promise<void>) => async () => {
    const stream = await make()
    const found: O[] = []
    await within(patience, 'the end', how(stream, found))
    await check(found)
    await within(patience, `'close' after the end`, closeCame(stream))
  }
  const cases: ConformanceCase[] = [
    {
      name: 'it is a Readable of node:stream by its interface',
      async run() {
        const stream = await make()
        describe(stream, ['read', 'pipe', 'pause', 'resume', 'destroy', 'on', 'once', 'off'])
        stream.destroy()
        await within(patience, `'close'`, closeCame(stream))
      },
    },
    { name: 'it gives what it should to one who listens', run: read(flowing) },
    { name: 'it gives the same to one who asks', run: read(asking) },
    { name: 'it gives the same to one who pauses after each chunk', run: read(pausing) },
    { name: 'it gives the same to a loop', run: read(looping) },
    {
      name: 'a loop that is left early closes it',
      async run() {
        const stream = await make()
        const left = (async () => {
          for await (const _chunk of stream) break
          await closeCame(stream)
        })()
        await within(patience, `'close' after the loop`, left)
      },
    },
    { name: 'it reads no further ahead than its bound', run: () => readAhead(options) },
  ]
  cases.push(...destroyCases(subject, options), ...errorCases(subject, options), ...optionCases(options))
  return framed(cases, options)
}

const flowing = <O>(stream: Readable, into: O[]) =>
  new Promise<void>((resolve, reject) => {
    stream
      .on('data', (chunk: O) => into.push(chunk))
      .on('end', resolve)
      .on('error', reject)
  })

const asking = <O>(stream: Readable, into: O[]) =>
  new Promise<void>((resolve, reject) => {
    stream.on('end', resolve).on('error', reject)
    stream.on('readable', () => {
      for (let chunk = stream.read() as O | null; chunk !== null; chunk = stream.read()) into.push(chunk)
    })
  })

const pausing = <O>(stream: Readable, into: O[]) =>
  new Promise<void>((resolve, reject) => {
    stream.on('end', resolve).on('error', reject)
    stream.on('data', (chunk: O) => {
      into.push(chunk)
      stream.pause()
      setImmediate(() => stream.resume())
    })
  })

async function looping<O>(stream: Readable, into: O[]): Promise<void> {
  for await (const chunk of stream) into.push(chunk as O)
}

async function readAhead<O>(options: ReadableConformance<O>): Promise<void> {
  const stream = await options.many()
  let bound = boundOf(options, stream.readableObjectMode, undefined)
  let largest = 0
  let sum = 0
  const measure = () => {
    const ahead = stream.readableLength ?? 0
    const has = `nobody reads, and it has read ${ahead} ahead; it may hold ${bound}`
    ensure(ahead <= bound + largest, has + hintAt(stream))
  }
  const slow = new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(chunk, _encoding, callback) {
      bound = boundOf(options, stream.readableObjectMode, chunk)
      largest = Math.max(largest, sizeOf(chunk, stream.readableObjectMode))
      sum += sizeOf(chunk, stream.readableObjectMode)
      setImmediate(() => {
        try {
          measure()
          callback()
        } catch (error) {
          callback(error as Error)
        }
      })
    },
  })
  // Asked once, then not at all.
  stream.read(0)
  await turns(QUIET)
  largest = stream.readableHighWaterMark ?? 0
  measure()
  await within(patienceOf(options), 'the end of the pipeline', pipeline(stream, slow))
  ensure(sum > bound, `the large Readable of ${sum} must be larger than the bound of ${bound}`)
}
