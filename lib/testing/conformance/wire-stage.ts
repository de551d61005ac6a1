import { type Duplex, PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Code, SluiceError } from '../../errors.js'
import { checkPair, checkStage, type WireStage } from '../../stages/bytes/wire-stage.js'
import { piecesOf, randomContent } from '../splits.js'
import { checkSuite } from './harness/check-suite.js'
import { destroyCases, optionCases, patienceOf } from './harness/moments.js'
import {
  type ConformanceCase,
  type ConformanceOptions,
  ensure,
  framed,
  guarded,
  listening,
  sizeOf,
  within,
} from './harness/probe.js'
import { describe, inSplits, same } from './harness/sameness.js'
import { collect, PROMPTNESS, transformConformance } from './transform.js'

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
const MIB = 1024 * 1024

/**
 * The properties of both sides of a wire stage, and that the one undoes the other; and those of `paired`, where it has
 * that. `make` is called for each side anew, as it is on two machines. Throws `ERR_USAGE` for what `send` and `receive`
 * would refuse, and for a stage that has neither both sides nor `paired`.
 */
export function wireStageConformance(
  make: () => WireStage,
  options: WireStageConformance = {},
): ConformanceCase[] {
  checkSuite('make', make, options, {
    own: { truncated: true, input: true, many: true, bound: true },
    optional: ['input'],
  })
  const { truncated, many, ...rest } = options
  const bound = options.bound ?? MIB
  const input = options.input ?? (() => piecesOf(randomContent(40), 11))
  const large = () => piecesOf(randomContent(many ?? 2 * bound), CHUNK)
  const sample = make()
  checkStage('what make gives', sample)
  const hasSides = sample.outgoing !== undefined && sample.incoming !== undefined
  if (!hasSides && !sample.paired) {
    const message = 'a wire stage needs both sides, or paired, to be tested against itself'
    throw new SluiceError('ERR_USAGE', message)
  }
  const all = { ...rest, input, many: large }
  return [
    ...(hasSides
      ? sideCases(make, { ...all, ...(truncated && { truncated }) })
      : framed(optionCases(options), options)),
    ...(sample.paired ? named('paired', pairedCases(make, { ...all, bound })) : []),
  ]
}

interface SideOptions extends ConformanceOptions {
  truncated?: Code[]
  input: () => Buffer[]
  many: () => Buffer[]
  bound?: number
}

/** What holds for a stage by which bytes go one way. */
function sideCases(make: () => WireStage, options: SideOptions): ConformanceCase[] {
  const { truncated, input, many, ...rest } = options
  // of whatever library: what it has is what is used here
  const outgoing = () => guarded(make().outgoing!() as Duplex)
  const incoming = () => guarded(make().incoming!() as Duplex)
  const made = async (chunks: Buffer[]): Promise<Buffer[]> => {
    const output: Buffer[] = []
    await pipeline(Readable.from(chunks), outgoing(), collect(output))
    return output
  }
  return [
    ...named(
      'outgoing',
      transformConformance<Buffer, Buffer>(outgoing, { ...rest, input, inverse: incoming, many }),
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
          pipeline(Readable.from(many()), outgoing(), through).catch(() => {})
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
        many,
      }).filter(({ name }) => name.startsWith('it makes of the input')),
    ),
  ]
}

function named(side: string, cases: ConformanceCase[]): ConformanceCase[] {
  return cases.map(({ name, run }) => ({ name: `${side}: ${name}`, run }))
}

interface Sides {
  format: string | undefined
  outgoing: Duplex
  incoming: Duplex
}

/** What is written to the one stream is to come out of the other. */
type Way = readonly [outgoing: Duplex, incoming: Duplex]

/**
 * The properties of `paired` of a wire stage. `make` is called for each end of a conversation: what one end says, the
 * other one hears, and both speak at once. For a side alone little can be said: it may wait for the other end.
 */
function pairedCases(make: () => WireStage, options: SideOptions & { bound: number }): ConformanceCase[] {
  const { input, many, bound } = options
  const patience = patienceOf(options)
  /** Streams that are destroyed at its end, whatever came of it. */
  const conversation = async (run: (ways: Way[], ends: Sides[]) => Promise<unknown>) => {
    const [near, far] = [sidesOf(make()), sidesOf(make())]
    try {
      const ways: Way[] = [
        [near.outgoing, far.incoming],
        [far.outgoing, near.incoming],
      ]
      await run(ways, [near, far])
    } finally {
      for (const { outgoing, incoming } of [near, far])
        for (const side of [outgoing, incoming]) side.destroy()
    }
  }
  const exchanged = (chunks: Buffer[]) =>
    conversation((ways) => {
      const all = ways.map(async (way) => {
        const came: Buffer[] = []
        await pipeline(Readable.from(chunks), ...way, collect(came))
        same(came, chunks)
      })
      return within(patience, 'the end of both pipelines', Promise.all(all))
    })
  const cases: ConformanceCase[] = [
    {
      name: 'it gives both sides, and both ends the same format',
      run: () =>
        conversation(async (_ways, [near, far]) => {
          const formats = [near, far].map((end) => end!.format)
          ensure(formats[0] === formats[1], `one end has the format ${formats.join(', the other one ')}`)
          for (const side of [near!.outgoing, near!.incoming]) describe(side, METHODS)
        }),
    },
    ...inSplits(input, (chunks) => exchanged(chunks as Buffer[])),
    { name: 'both sides end where nothing is to be sent', run: () => exchanged([]) },
    { name: PROMPTNESS, run: () => conversation((ways) => promptly(ways, input(), patience)) },
    {
      name: 'slow readers at both ends never make it hold more than its bound',
      run: () => conversation((ways) => slowly(ways, many, bound, patience)),
    },
  ]
  for (const side of ['outgoing', 'incoming'] as const) {
    const alone = listening(() => {
      const pair = sidesOf(make())
      pair[side].once('close', () => pair[side === 'outgoing' ? 'incoming' : 'outgoing'].destroy())
      return pair[side]
    })
    // what comes in is made by the other end, which is not there
    const subject = { make: alone, reads: true, ...(side === 'outgoing' && { input: async () => input() }) }
    for (const { name, run } of destroyCases(subject, options))
      if (name.startsWith('it may be destroyed')) cases.push({ name: `${side}: ${name}`, run })
  }
  return framed(cases, options)
}

const METHODS = ['write', 'end', 'pipe', 'pause', 'resume', 'destroy', 'on', 'once', 'off']

function sidesOf(stage: WireStage): Sides {
  const pair = stage.paired!()
  checkPair('paired', pair)
  // of whatever library: what it has is what is used here
  const [outgoing, incoming] = [guarded(pair.outgoing as Duplex), guarded(pair.incoming as Duplex)]
  // whoever waits for it hears of it, and else nobody does
  for (const side of [outgoing, incoming]) side.on('error', () => {})
  return { format: pair.format, outgoing, incoming }
}

/** Both ends say something in turn, and hear it before they say more. */
async function promptly(ways: Way[], input: Buffer[], patience: number): Promise<void> {
  const spoken = ways.map((way) => {
    const source = new PassThrough()
    let came = 0
    let look = () => {}
    const sink = new Writable({
      write(chunk: Buffer, _encoding, callback) {
        came += chunk.length
        look()
        callback()
      },
    })
    const whole = pipeline(source, ...way, sink)
    // its failure is met by who waits
    whole.catch(() => {})
    const has = (bytes: number) =>
      new Promise<void>((resolve) => {
        look = () => came >= bytes && resolve()
        look()
      })
    return { source, whole, has }
  })
  let written = 0
  for (const [at, chunk] of input.entries()) {
    written += chunk.length
    for (const { source, whole, has } of spoken) {
      source.write(chunk)
      const what = `after ${at + 1} chunks (${written} bytes), what they become`
      await within(patience, what, Promise.race([has(written), whole]))
    }
  }
}

async function slowly(ways: Way[], many: () => Buffer[], bound: number, patience: number): Promise<void> {
  let moved = 0
  const flowing = ways.map(([outgoing, incoming]) => {
    const chunks = many()
    // each of the two streams may hold as much, and is given one chunk more
    const most = 2 * (bound + Math.max(...chunks.map((chunk) => sizeOf(chunk, false))))
    let held = 0
    const source = function* () {
      // more than the two may hold, however large the content is
      for (let given = 0; given <= 2 * most; )
        for (const chunk of chunks) {
          ensure(held <= most, `both ends hold ${held} bytes that were not read; they may hold ${most}`)
          held += chunk.length
          given += chunk.length
          yield chunk
        }
    }
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, callback) {
        held -= chunk.length
        moved += chunk.length
        setImmediate(callback)
      },
    })
    return pipeline(Readable.from(source(), { highWaterMark: 1 }), outgoing, incoming, slow)
  })
  await within(patience, 'the end of both pipelines', Promise.all(flowing), () => moved)
}
