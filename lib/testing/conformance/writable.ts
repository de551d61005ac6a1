import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Code } from '../../errors.js'
import { checkSuite } from './harness/check-suite.js'
import { destroyCases, errorCases, optionCases, patienceOf, truncationCases } from './harness/moments.js'
import {
  boundOf,
  type ConformanceCase,
  type ConformanceOptions,
  closeCame,
  drained,
  ensure,
  framed,
  listening,
  sizeOf,
  within,
} from './harness/probe.js'
import { describe, inSplits } from './harness/sameness.js'

/** What {@link writableConformance} needs to know of a Writable of `I`. */
export interface WritableConformance<I> extends ConformanceOptions {
  /** A small valid input, the same each time it is asked for. Bytes are also split in every way. */
  input: () => I[] | Promise<I[]>
  /** Looks at what came of `input`, once it has finished, and throws if that is not right. */
  check?: (stream: Writable) => void | Promise<void>
  /** A large valid input: many megabytes, or thousands of objects. */
  many: () => Iterable<I> | AsyncIterable<I> | Promise<Iterable<I>>
  /** Bytes or objects that may wait in it: 1 MiB, or 16 objects, by default. */
  bound?: number
  /** The codes with which an input that was cut is refused. Cuts in `whole` (bytes or objects) are valid. */
  truncated?: { codes: Code[]; whole?: number[] }
}

/** The properties of every Writable at the end of a river, each as a case for any test runner. */
export function writableConformance<I>(
  factory: () => Writable | Promise<Writable>,
  options: WritableConformance<I>,
): ConformanceCase[] {
  checkSuite('factory', factory, options, {
    own: { input: true, check: true, many: true, bound: true, truncated: true },
    needed: ['input', 'many'],
    optional: ['check'],
  })
  const make = listening(factory)
  const patience = patienceOf(options)
  const subject = { make, input: async () => options.input(), reads: false }
  const write = async (chunks: unknown[]) => {
    const stream = await make()
    await within(patience, 'the end of the pipeline', pipeline(Readable.from(chunks), stream))
    return stream
  }
  const cases: ConformanceCase[] = [
    {
      name: 'it is a Writable of node:stream by its interface',
      async run() {
        const stream = await make()
        describe(stream, ['write', 'end', 'destroy', 'on', 'once', 'off'])
        stream.destroy()
        await within(patience, `'close'`, closeCame(stream))
      },
    },
    ...inSplits(options.input, async (chunks) => options.check?.(await write(chunks))),
    {
      name: 'it makes the source wait, and lets it go on',
      async run() {
        const stream = await make()
        const errors: Error[] = []
        stream.on('error', (error) => errors.push(error))
        let bound = 0
        let sum = 0
        for await (const chunk of await options.many()) {
          if (stream.destroyed) break
          sum += sizeOf(chunk, stream.writableObjectMode)
          bound = boundOf(options, stream.writableObjectMode, chunk)
          if (stream.write(chunk)) {
            // nothing is known of one that does not say
            const waiting: number | undefined = stream.writableLength
            const most = bound + sizeOf(chunk, stream.writableObjectMode)
            ensure(
              waiting === undefined || waiting <= most,
              `${waiting} wait in it, and it asks for more; it may hold ${bound}`,
            )
          } else {
            await within(patience, `'drain'`, drained(stream))
          }
        }
        stream.end()
        await within(patience, `'close' after the end`, closeCame(stream))
        ensure(errors.length === 0, `it failed: ${String(errors[0])}`)
        ensure(sum > bound, `the large input of ${sum} must be larger than the bound of ${bound}`)
      },
    },
  ]
  cases.push(...truncationCases(options, write))
  cases.push(...destroyCases(subject, options), ...errorCases(subject, options), ...optionCases(options))
  return framed(cases, options)
}
