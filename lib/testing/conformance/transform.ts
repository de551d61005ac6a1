import { type Duplex, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Code } from '../../errors.js'
import { destroyCases, errorCases, optionCases, patienceOf, truncationCases } from './moments.js'
import {
  type ConformanceCase,
  type ConformanceOptions,
  closed,
  drained,
  ensure,
  fail,
  framed,
  QUIET,
  sizeOf,
  turns,
  within,
} from './probe.js'
import { describe, inSplits, type Same, same } from './sameness.js'

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
  /** Whether what was given out by now is all that can be known from what was written; the inverse is asked otherwise. */
  prompt?: (given: O[], written: I[]) => boolean
  /** Throws unless the two outputs mean the same; bytes are joined, objects compared deeply, by default. */
  same?: Same<O>
}

/** The properties that every Transform of a river has, each as a case for any test runner. */
export function transformConformance<I, O>(
  make: () => Maybe<Duplex>,
  options: TransformConformance<I, O>,
): ConformanceCase[] {
  const patience = patienceOf(options)
  const subject = { make: async () => make(), input: async () => options.input(), reads: true }
  const run = async (input: Iterable<unknown>): Promise<O[]> => {
    const output: O[] = []
    await within(patience, 'the end of the pipeline', pipeline(input, await make(), collect(output)))
    return output
  }
  const check = async (output: O[], input: I[]) => {
    if (options.expected) (options.same ?? same)(output, await options.expected())
    if (options.inverse) {
      const back: I[] = []
      await within(
        patience,
        'the end of the inverse',
        pipeline(output, await options.inverse(), collect(back)),
      )
      same(back, input)
    }
  }
  const cases: ConformanceCase[] = [
    {
      name: 'it is a Transform of node:stream by its interface',
      async run() {
        const stage = await make()
        describe(stage, [
          'write',
          'end',
          'read',
          'pipe',
          'pause',
          'resume',
          'cork',
          'destroy',
          'on',
          'once',
          'off',
        ])
        stage.destroy()
        await within(patience, `'close'`, closed(stage))
      },
    },
    ...inSplits(options.input, async (input) => check(await run(input), await options.input())),
    ...(options.prompt || options.inverse
      ? [
          {
            name: 'it gives out all that it was given without waiting for more',
            run: () => promptly(make, options),
          },
        ]
      : []),
    { name: 'a reader that never reads stops the source', run: () => unread(make, options) },
    { name: 'a slow reader never makes it hold more than its bound', run: () => slowly(make, options) },
  ]
  cases.push(...truncationCases(options, run))
  cases.push(...destroyCases(subject, options), ...errorCases(subject, options), ...optionCases(options))
  return framed(cases, options)
}

function collect<T>(into: T[]): Writable {
  return new Writable({
    objectMode: true,
    write(chunk: T, _encoding, callback) {
      into.push(chunk)
      callback()
    },
  })
}

const BYTES = 1024 * 1024
const OBJECTS = 16

async function promptly<I, O>(make: () => Maybe<Duplex>, options: TransformConformance<I, O>): Promise<void> {
  const { prompt, inverse } = options
  const stage = await make()
  const end = (!prompt && (await inverse?.())) || undefined
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
  for (const chunk of await options.input()) {
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
  await within(patienceOf(options), `'close'`, closed(stage))
}

const total = (chunks: unknown[]) => chunks.reduce<number>((sum, chunk) => sum + sizeOf(chunk, false), 0)

async function unread<I, O>(make: () => Maybe<Duplex>, options: TransformConformance<I, O>): Promise<void> {
  const stage = await make()
  const bound = options.bound ?? (stage.writableObjectMode ? OBJECTS : BYTES)
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
      if (!reading && !options.gathers && accepted > bound + largest) {
        fail(`nobody reads, and it has taken ${accepted}; it may hold ${bound}`)
      }
      if (stage.write(chunk)) continue
      // Quiet means that it has stopped for good; only then does somebody read.
      for (let turn = 0; turn < QUIET && stage.writableNeedDrain && !stage.destroyed; turn++) await turns(1)
      if (stage.writableNeedDrain && !reading) {
        reading = true
        stage.resume()
      }
      await drained(stage)
    }
    stage.resume().end()
    await closed(stage)
  })()
  try {
    await within(patienceOf(options), 'the end after the reader has begun to read', whole)
    ensure(errors.length === 0, `it failed: ${String(errors[0])}`)
  } finally {
    stage.destroy()
  }
}

async function slowly<I, O>(make: () => Maybe<Duplex>, options: TransformConformance<I, O>): Promise<void> {
  const stage = await make()
  let largest = 0
  let sum = 0
  const bound = options.bound ?? (stage.writableObjectMode ? OBJECTS : BYTES)
  const readBound = options.bound ?? (stage.readableObjectMode ? OBJECTS : BYTES)
  const measure = () => {
    const over = stage.writableLength > bound + largest || stage.readableLength > readBound + largest
    ensure(!over, `it holds ${stage.writableLength} to work off and ${stage.readableLength} to be read`)
  }
  async function* source() {
    for await (const chunk of await options.many()) {
      largest = Math.max(largest, sizeOf(chunk, stage.writableObjectMode))
      sum += sizeOf(chunk, stage.writableObjectMode)
      measure()
      yield chunk
    }
  }
  const slow = new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(_chunk, _encoding, callback) {
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
  await within(patienceOf(options), 'the end of the pipeline', pipeline(source, stage, slow))
  ensure(sum > bound, `the large input of ${sum} must be larger than the bound of ${bound}`)
}
