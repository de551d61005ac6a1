import { type Duplex, PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Code, SluiceError } from '../../errors.js'
import { checkObject } from '../../options.js'
import type { WireStage } from '../../stages/bytes/wire-stage.js'
import { piecesOf, randomContent } from '../splits.js'
import { checkSuite } from './check-suite.js'
import { type ConformanceCase, type ConformanceOptions, guarded } from './probe.js'
import { collect, transformConformance } from './transform.js'

/** What {@link wireStageConformance} needs to know of a wire stage. */
export interface WireStageConformance extends ConformanceOptions {
  /** The codes with which the incoming side refuses an input that was cut. None for a stage that cannot notice. */
  truncated?: Code[]
  /** A small input, 40 bytes in 4 chunks by default. Every cut of what it becomes is tried. */
  input?: () => Buffer[]
  /** Bytes of the large input: twice as many as `bound` by default. */
  many?: number
  /** Bytes that one side may hold: 1 MiB by default. */
  bound?: number
}

const CHUNK = 64 * 1024

/**
 * The properties of both sides of a wire stage, and that the one undoes the other. `make` is called for each
 * side anew, as it is on two machines. Throws `ERR_USAGE` unless the stage has both sides.
 */
export function wireStageConformance(
  make: () => WireStage,
  options: WireStageConformance = {},
): ConformanceCase[] {
  checkSuite('make', make, options, {
    own: { truncated: true, input: true, many: true, bound: true },
    optional: ['input'],
  })
  const { truncated, many = 2 * (options.bound ?? 1024 * 1024), ...rest } = options
  const input = options.input ?? (() => piecesOf(randomContent(40), 11))
  const sample = make()
  checkObject('what make gives', sample)
  if (!sample.outgoing || !sample.incoming) {
    throw new SluiceError('ERR_USAGE', 'a wire stage needs both sides to be tested against itself')
  }
  // of whatever library: what it has is what is used here
  const outgoing = () => guarded(make().outgoing!() as Duplex)
  const incoming = () => guarded(make().incoming!() as Duplex)
  const large = () => piecesOf(randomContent(many), CHUNK)
  const made = async (chunks: Buffer[]): Promise<Buffer[]> => {
    const output: Buffer[] = []
    await pipeline(Readable.from(chunks), outgoing(), collect(output))
    return output
  }
  return [
    ...named(
      'outgoing',
      transformConformance<Buffer, Buffer>(outgoing, { ...rest, input, inverse: incoming, many: large }),
    ),
    ...named(
      'incoming',
      transformConformance<Buffer, Buffer>(incoming, {
        ...rest,
        badOptions: [],
        input: () => made(input()),
        expected: input,
        // through a stream of Node's: not each can be iterated
        many: () => {
          const through = new PassThrough()
          // its failure is met by who reads
          pipeline(Readable.from(large()), outgoing(), through).catch(() => {})
          return through
        },
        truncated: truncated && { codes: truncated },
      }),
    ),
    ...named(
      'outgoing, with nothing to send',
      transformConformance<Buffer, Buffer>(outgoing, {
        ...rest,
        badOptions: [],
        input: () => [],
        inverse: incoming,
        many: large,
      }).filter(({ name }) => name.startsWith('it makes of the input')),
    ),
  ]
}

function named(side: string, cases: ConformanceCase[]): ConformanceCase[] {
  return cases.map(({ name, run }) => ({ name: `${side}: ${name}`, run }))
}
