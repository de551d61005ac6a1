import { type Duplex, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Code } from '../../errors.js'
import { checkOption } from '../../options.js'
import { checkSuite } from './harness/check-suite.js'
import { destroyCases, errorCases, optionCases, patienceOf, truncationCases } from './harness/moments.js'
import {
  boundOf,
  type ConformanceCase,
  type ConformanceOptions,
  closeCame,
  drained,
  ensure,
  fail,
  framed,
  guarded,
  hintAt,
  listening,
  QUIET,
  sizeOf,
  turns,
  within,
} from './harness/probe.js'
import { areBytes, describe, inSplits, type Same, same } from './harness/sameness.js'

type Maybe<T> = T | Promise<T>

/** What {@link transformConformance} needs to know of a Transform, or a Duplex used as one, from `I` to `O`. */
export interface TransformConformance<I, O> extends ConformanceOptions {
  /** A small valid input, the same each time it is asked for. Bytes are also split in every way. */
  input: () => Maybe<I[]>
  /** What the stage makes of `input`. Give this, or `inverse`, or both. */
  expected?: () => Maybe<O[]>
  /** A stage that undoes this one. */
  inverse?: () => Maybe<Duplex>
  /** A large valid input: many megabytes, or thousands of objects. Bytes that cannot be compressed. */
  many: () => Maybe<Iterable<I> | AsyncIterable<I>>
  /** Bytes or objects that the stage may hold in all: 1 MiB, or 16 objects, by default. */
  bound?: number
  /** It gives out much less than it takes in, and does not hold the rest either (a sink with receipts). */
  gathers?: boolean
  /**
   * An input that was cut must be refused, with one of these codes. Cuts in `whole` (in bytes, or in objects)
   * make a valid input. Leave this out for a stage to which every input is whole.
   */
  truncated?: { codes: Code[]; whole?: number[] }
  /**
   * Whether what was given out by now is all that can be known from what was written. By default the inverse is asked;
   * without one, whether as many objects came as would come if the input ended there.
   */
  prompt?: (given: O[], written: I[]) => boolean
  /** Throws unless the two outputs mean the same; bytes are joined, objects compared deeply, by default. */
  same?: Same<O>
}

/**
 * The properties that every Transform of a river has, each as a case for any test runner. Throws `ERR_USAGE` if nothing
 * says what the stage makes of its input.
 */
export function transformConformance<I, O>(
  factory: () => Maybe<Duplex>,
  options: TransformConformance<I, O>,
): ConformanceCase[] {
  checkSuite('factory', factory, options, {
    own: {
      input: true,
      expected: true,
      inverse: true,
      many: true,
      bound: true,
      gathers: true,
      truncated: true,
      prompt: true,
      same: true,
    },
    needed: ['input', 'many'],
    optional: ['expected', 'inverse', 'prompt', 'same'],
  })
  const says = options.expected !== undefined || options.inverse !== undefined
  checkOption('expected', options.expected, says, 'a function, unless inverse is given')
  const make = listening(factory)
  const patience = patienceOf(options)
  const subject = { make, input: async () => options.input(), reads: true }
  const run = async (input: Iterable<unknown>): Promise<O[]> => {
    const output: O[] = []
    await within(
      patience,
      'the end of the pipeline',
      pipeline(Readable.from(input), await make(), collect(output)),
    )
    return output
  }
  const check = async (output: O[], input: I[]) => {
    if (options.expected) (options.same ?? same)(output, await options.expected())
    if (options.inverse) {
      const back: I[] = []
      await within(
        patience,
        'the end of the inverse',
        pipeline(Readable.from(output), guarded(await options.inverse()), collect(back)),
      )
      same(back, input)
    }
  }
  const cases: ConformanceCase[] = [
    {
      name: 'it is a Transform of node:stream by its interface',
      async run() {
        const stage = await make()
        describe(stage, ['write', 'end', 'pipe', 'pause', 'resume', 'destroy', 'on', 'once', 'off'])
        stage.destroy()
        await within(patience, `'close'`, closeCame(stage))
      },
    },
    ...inSplits(options.input, async (input) => check(await run(input), await options.input())),
    { name: PROMPTNESS, run: () => promptly(make, options) },
    { name: 'a reader that never reads stops the source', run: () => unread(make, options) },
    { name: 'a slow reader never makes it hold more than its bound', run: () => slowly(make, options) },
  ]
  cases.push(...truncationCases(options, run))
  cases.push(...destroyCases(subject, options), ...errorCases(subject, options), ...optionCases(options))
  return framed(cases, options)
}

/** Takes all that comes. */
export function collect<T>(into: T[]): Writable {
  return new Writable({
    objectMode: true,
    write(chunk: T, _encoding, callback) {
      into.push(chunk)
      callback()
    },
  })
}

/** The name of the case that a stage fails which holds back what it was given. */
export const PROMPTNESS = 'it gives out all that it was given without waiting for more'

async function promptly<I, O>(
  make: () => Promise<Duplex>,
  options: TransformConformance<I, O>,
): Promise<void> {
  const input = await options.input()
  const { inverse } = options
  let { prompt } = options
  if (!prompt && !inverse) {
    // of bytes nobody knows how many come of so many
    if (areBytes(input) || options.gathers) return
    const what = 'the end of each beginning of the input'
    const counts = await within(patienceOf(options), what, countsAtEnd(make, input))
    prompt = (given, written) => given.length >= counts[written.length - 1]!
  }
  const stage = await make()
  const end = !prompt && inverse ? guarded(await inverse()) : undefined
  const last = end ?? stage
  const given: unknown[] = []
  const written: I[] = []
  let look: (() => void) | undefined
  last.on('data', (chunk) => {
    given.push(chunk)
    look?.()
  })
  const failed = new Promise<never>((_resolve, reject) => {
    for (const stream of [stage, last]) stream.once('error', reject)
  })
  if (end) stage.pipe(end)
  for (const chunk of input) {
    written.push(chunk)
    const wanted = total(written)
    const enough = () => (prompt ? prompt(given as O[], written) : total(given) >= wanted)
    const seen = new Promise<void>((resolve) => {
      look = () => {
        if (enough()) resolve()
      }
    })
    stage.write(chunk)
    look?.()
    const what = `after ${written.length} chunks (${wanted} bytes or objects), what they become`
    await within(patienceOf(options), what, Promise.race([seen, failed]))
  }
  stage.destroy()
  end?.destroy()
  await within(patienceOf(options), `'close'`, closeCame(stage))
}

/**
 * How many objects come of each beginning of the input if it ends there: to give fewer out before is to wait for more.
 */
async function countsAtEnd(make: () => Promise<Duplex>, input: readonly unknown[]): Promise<number[]> {
  const counts: number[] = []
  for (let length = 1; length <= input.length; length++) {
    const stage = await make()
    let count = 0
    stage.on('data', () => count++)
    const over = new Promise((resolve) => {
      for (const event of ['end', 'error', 'close']) stage.on(event, resolve)
    })
    for (const chunk of input.slice(0, length)) if (!stage.write(chunk)) await drained(stage)
    stage.end()
    await over
    counts.push(count)
  }
  return counts
}

const total = (chunks: unknown[]) => chunks.reduce<number>((sum, chunk) => sum + sizeOf(chunk, false), 0)

async function unread<I, O>(make: () => Promise<Duplex>, options: TransformConformance<I, O>): Promise<void> {
  const stage = await make()
  const errors: Error[] = []
  stage.on('error', (error) => errors.push(error))
  let accepted = 0
  let largest = 0
  let reading = false
  const whole = (async () => {
    for await (const chunk of await options.many()) {
      if (stage.destroyed) return
      accepted += sizeOf(chunk, stage.writableObjectMode)
      largest = Math.max(largest, sizeOf(chunk, stage.writableObjectMode))
      const bound = boundOf(options, stage.writableObjectMode, chunk)
      if (!reading && !options.gathers && accepted > bound + largest) {
        fail(`nobody reads, and it has taken ${accepted}; it may hold ${bound}${hintAt(stage)}`)
      }
      if (stage.write(chunk)) continue
      let waits = true
      const room = drained(stage).then(() => {
        waits = false
      })
      // Quiet means that it has stopped for good; only then does somebody read.
      for (let turn = 0; turn < QUIET && waits; turn++) await turns(1)
      if (waits && !reading) {
        reading = true
        stage.resume()
      }
      await room
    }
    stage.resume()
    stage.end()
    await closeCame(stage)
  })()
  try {
    const what = 'the end after the reader has begun to read'
    await within(patienceOf(options), what, whole, () => accepted)
    ensure(errors.length === 0, `it failed: ${String(errors[0])}`)
  } finally {
    stage.destroy()
  }
}

async function slowly<I, O>(make: () => Promise<Duplex>, options: TransformConformance<I, O>): Promise<void> {
  const stage = await make()
  let largest = 0
  let sum = 0
  let read = 0
  let bound = 0
  let readBound = Number.POSITIVE_INFINITY
  const measure = () => {
    const over = stage.writableLength > bound + largest || stage.readableLength > readBound + largest
    const holds = `it holds ${stage.writableLength} to work off and ${stage.readableLength} to be read`
    ensure(!over, holds + hintAt(stage))
  }
  async function* source() {
    for await (const chunk of await options.many()) {
      bound = boundOf(options, stage.writableObjectMode, chunk)
      largest = Math.max(largest, sizeOf(chunk, stage.writableObjectMode))
      sum += sizeOf(chunk, stage.writableObjectMode)
      measure()
      yield chunk
    }
  }
  const slow = new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(chunk, _encoding, callback) {
      readBound = boundOf(options, stage.readableObjectMode, chunk)
      read++
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
  const whole = pipeline(Readable.from(source(), { highWaterMark: 1 }), stage, slow)
  await within(patienceOf(options), 'the end of the pipeline', whole, () => sum + read)
  ensure(sum > bound, `the large input of ${sum} must be larger than the bound of ${bound}`)
}
