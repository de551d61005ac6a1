import { Readable, type Stream, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Code, isSluiceError } from '../../../errors.js'
import {
  type ConformanceCase,
  type ConformanceOptions,
  closeCame,
  drained,
  EventLog,
  ensure,
  fail,
  turns,
  within,
} from './probe.js'
import { beginningsOf } from './sameness.js'

/** The stage of a suite, whichever of its sides it has. */
export interface Subject {
  make: () => Promise<Stream>
  /** What is written to it, if it takes input. */
  input?: () => Promise<unknown[]>
  /** Whether it gives output. */
  reads: boolean
}

type Side = Readable & Writable

const PATIENCE = 10_000
const MOMENTS = 6

/** How long a suite waits for what does not come, in milliseconds. */
export function patienceOf({ patience = PATIENCE }: ConformanceOptions): number {
  return patience
}

/** Bad options are refused by the factory itself. */
export function optionCases({ badOptions = [] }: ConformanceOptions): ConformanceCase[] {
  return badOptions.map((make, index) => ({
    name: `bad options are refused at once with ERR_USAGE (${index + 1})`,
    async run() {
      try {
        make()
      } catch (error) {
        ensure(isSluiceError(error, 'ERR_USAGE'), `thrown was ${String(error)}, not an ERR_USAGE`)
        return
      }
      fail('bad options were taken')
    },
  }))
}

/** What a suite says of an input that is cut: the codes that refuse it, and the cuts that make a valid input. */
interface Truncation {
  input: () => unknown[] | Promise<unknown[]>
  truncated?: { codes: Code[]; whole?: number[] }
}

/** An input that was cut is refused, wherever that was; none, where every input is whole. */
export function truncationCases(
  { input, truncated }: Truncation,
  run: (part: unknown[]) => Promise<unknown>,
): ConformanceCase[] {
  if (!truncated) return []
  const { codes, whole = [] } = truncated
  const refuses = async () => {
    for (const { at, part } of beginningsOf(await input())) {
      if (whole.includes(at)) continue
      const error = await run(part).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      const refused = codes.some((code) => isSluiceError(error, code))
      ensure(refused, `cut at ${at}, it ended with ${String(error)}, not with ${codes.join(' or ')}`)
    }
  }
  return [{ name: 'it refuses an input that was cut anywhere', run: refuses }]
}

/** It may be destroyed at any moment: `close` comes, with the error that was given or none, and nothing after it. */
export function destroyCases(subject: Subject, options: ConformanceOptions): ConformanceCase[] {
  const patience = patienceOf(options)
  const destroyed = async (stream: Side, watch: EventLog, given?: Error) => {
    // It may have come to its end by itself.
    const error = stream.destroyed ? undefined : given
    stream.destroy(error)
    const again = new Error('a second destroy')
    stream.destroy(again)
    await within(patience, `'close' after destroy`, closeCame(stream))
    await turns(5)
    ensure(watch.late.length === 0, `events after 'close': ${watch.late.join(', ')}`)
    // some libraries tell of that, too, and it is known already
    const errors = watch.errors.filter((one) => one !== again)
    const found = errors.map(String).join(', ')
    ensure(errors.length <= (error ? 1 : 0), `destroyed with ${String(error)}, but raised ${found}`)
    ensure(errors[0] === error, `destroyed with ${String(error)}, but raised ${found || 'nothing'}`)
  }
  const during = async (read: boolean, error?: Error) => {
    const most = subject.input ? (await subject.input()).length : MOMENTS
    for (let moment = 0; moment <= Math.min(most, MOMENTS); moment++) {
      const stream = (await subject.make()) as Side
      const watch = new EventLog(stream, { data: read })
      const input = subject.input ? (await subject.input()).slice(0, moment) : []
      for (const chunk of input) stream.write(chunk)
      // Moments in the middle of a turn, and some turns later.
      if (moment % 2 === 1) await turns(moment)
      await destroyed(stream, watch, error)
    }
  }
  return [
    {
      name: 'it may be destroyed before it is used, with and without an error',
      async run() {
        for (const error of [undefined, new Error('boom')]) {
          const stream = (await subject.make()) as Side
          await destroyed(stream, new EventLog(stream), error)
        }
      },
    },
    { name: 'it may be destroyed while nobody reads', run: () => during(false) },
    { name: 'it may be destroyed while it works', run: () => during(true) },
    { name: 'it may be destroyed with an error while it works', run: () => during(true, new Error('boom')) },
    {
      name: 'it closes by itself after its end, and to destroy it then does nothing',
      async run() {
        const stream = (await subject.make()) as Side
        const watch = new EventLog(stream, { data: subject.reads })
        for (const chunk of (await subject.input?.()) ?? []) {
          if (!stream.write(chunk)) await within(patience, `'drain'`, drained(stream))
        }
        if (subject.input) stream.end()
        await within(patience, `'close' after the end`, closeCame(stream))
        ensure(watch.errors.length === 0, `the whole input was refused: ${String(watch.errors[0])}`)
        await destroyed(stream, watch)
      },
    },
  ]
}

/** Errors of the neighbours reach the caller of `pipeline()` as they are, and the stage is closed. */
export function errorCases(subject: Subject, options: ConformanceOptions): ConformanceCase[] {
  const patience = patienceOf(options)
  const failing = async (chain: (stream: Stream, boom: Error) => Stream[], signal?: AbortSignal) => {
    const boom = new Error('boom')
    const stream = (await subject.make()) as Side
    const whole = pipeline(chain(stream, boom) as Side[], { signal })
    const error = await within(patience, 'the failure of the pipeline', whole.then(nothing, asIs))
    if (signal)
      ensure((error as Error | undefined)?.name === 'AbortError', `aborted, but it said ${String(error)}`)
    else ensure(error === boom, `the cause was lost: ${String(error)} instead of ${String(boom)}`)
    await within(patience, `'close' after a failure`, closeCame(stream))
  }
  return [
    {
      name: 'an aborted pipeline closes it',
      async run() {
        for (const late of [false, true]) {
          const controller = new AbortController()
          const input = (await subject.input?.()) ?? []
          if (late) setImmediate(() => controller.abort())
          else controller.abort()
          await failing((stream) => around(subject, stream, unending(input), unended()), controller.signal)
        }
      },
    },
    subject.input && {
      name: 'an error of the source reaches the end of the pipeline as it is',
      async run() {
        for (const moment of [0, 1, Number.POSITIVE_INFINITY]) {
          const input = ((await subject.input?.()) ?? []).slice(0, moment)
          await failing((stream, boom) =>
            around(subject, stream, Readable.from(endingWith(input, boom)), ignoring()),
          )
        }
      },
    },
    subject.reads && {
      name: 'an error of the sink reaches the end of the pipeline as it is',
      async run() {
        for (const late of [false, true]) {
          const input = Readable.from((await subject.input?.()) ?? [])
          await failing((stream, boom) => around(subject, stream, input, failingSink(boom, late)))
        }
      },
    },
  ].filter((found): found is ConformanceCase => typeof found === 'object')
}

const nothing = () => undefined
const asIs = (error: unknown) => error

function around(subject: Subject, stage: Stream, source: Readable, sink: Writable): Stream[] {
  return [...(subject.input ? [source] : []), stage, ...(subject.reads ? [sink] : [])]
}

async function* endingWith(chunks: unknown[], error: Error): AsyncGenerator<unknown> {
  yield* chunks
  await turns(2)
  throw error
}

function ignoring(): Writable {
  return new Writable({ objectMode: true, write: (_chunk, _encoding, callback) => callback() })
}

/** Gives the chunks and then neither more nor an end. */
function unending(chunks: unknown[]): Readable {
  const left = [...chunks]
  return new Readable({
    objectMode: true,
    read() {
      if (left.length > 0) this.push(left.shift())
    },
  })
}

/** Takes everything but the end. */
function unended(): Writable {
  return new Writable({
    objectMode: true,
    write: (_chunk, _encoding, callback) => callback(),
    final: () => {},
  })
}

function failingSink(error: Error, late: boolean): Writable {
  return new Writable({
    objectMode: true,
    write: (_chunk, _encoding, callback) => (late ? callback() : callback(error)),
    final: (callback) => callback(error),
  })
}
