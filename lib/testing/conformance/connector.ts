import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { isSluiceError } from '../../errors.js'
import { piecesOf, randomBySeed, randomContent } from '../splits.js'
import { ConnectorPlace, type ConnectorSample } from './connector-place.js'
import { duplexConformance } from './duplex.js'
import { checkSuite } from './harness/check-suite.js'
import { patienceOf } from './harness/moments.js'
import {
  type ConformanceCase,
  type ConformanceOptions,
  closeCame,
  drained,
  ensure,
  framed,
  within,
} from './harness/probe.js'
import { same } from './harness/sameness.js'

/** What {@link connectorConformance} may be told of a connector. */
export interface ConnectorConformance extends ConformanceOptions {
  /** Bytes of the large content that goes over a connection: 4 MiB by default. */
  many?: number
  /** Bytes that may be on their way before the writer is told to wait: 64 MiB by default. */
  bound?: number
  /** How many connections are made at once: 20 by default. */
  connections?: number
  /** Whether a side may go on when it hears the end of the other one: true by default. */
  halfClose?: boolean
}

const CHUNK = 64 * 1024
/** Bytes that are on their way at once. */
const SMALL = 5000

/**
 * What Sluice asks of a connector, as cases for any test runner: all of `duplexConformance` for its connections, from
 * either side, and what connecting and listening promise. `make` is called for each case. Without `open`, the sockets,
 * servers and processes of this process are counted: whatever runs beside the cases must not open any meanwhile.
 */
export function connectorConformance(
  make: () => ConnectorSample | Promise<ConnectorSample>,
  options: ConnectorConformance = {},
): ConformanceCase[] {
  checkSuite('make', make, options, {
    own: { many: true, bound: true, connections: true, halfClose: true },
  })
  const patience = patienceOf(options)
  const { many = 4 * 1024 * 1024, bound, connections = 20, halfClose = true } = options
  /** A case with a place of its own, which is left as it was found. */
  const at = (name: string, run: (place: ConnectorPlace) => Promise<void>): ConformanceCase => ({
    name,
    async run() {
      const place = new ConnectorPlace(await make(), patience)
      try {
        await run(place)
      } catch (error) {
        await place.leave().catch(() => {})
        throw error
      }
      await place.leave()
    },
  })
  const judged = { many, bound, patience }
  const ofDuplex = (['dialler', 'listener'] as const).flatMap((first) =>
    duplexConformance(noPair, judged).map(({ name }, index) =>
      at(`from the ${first}: ${name}`, async (place) => {
        const [near, far] = await place.pair()
        const pair = first === 'dialler' ? ([near, far] as const) : ([far, near] as const)
        await duplexConformance(() => pair, judged)[index]!.run()
      }),
    ),
  )
  return framed(
    [
      ...ofDuplex,
      at('it takes the addresses at which it listens', async (place) => {
        const { addresses } = await place.listen()
        ensure(addresses.length > 0, 'it says no address at which it listens')
        for (const address of addresses)
          ensure(place.connector.takes(address), `it does not take ${address}, at which it listens`)
      }),
      ...(['dialler', 'listener'] as const).map((first) =>
        at(`where the ${first} ends, nothing is lost of what the other side still sends`, async (place) => {
          const [near, far] = await place.pair()
          const [ends, sends] = first === 'dialler' ? [near, far] : [far, near]
          const content = randomContent(halfClose ? many : SMALL)
          const heard = bytesOf(ends)
          sends.resume()
          const end = halfClose ? once(sends, 'end') : undefined
          ends.end()
          if (end) await within(patience, 'the end of the other side', end)
          const whole = Promise.all([writeAll(sends, content), heard.whole])
          await within(patience, `${content.length} bytes from the other side`, whole, heard.length)
          same(heard.chunks, [content])
        }),
      ),
      at('many connections at once each have their own bytes', async (place) => {
        place.onAccept = (far) => far.pipe(far)
        const { addresses } = await place.listen()
        const random = randomBySeed(1)
        await Promise.all(
          Array.from({ length: connections }, async (_, index) => {
            const near = await place.connect(addresses[0]!)
            const content = Buffer.concat([
              Buffer.from([index]),
              randomContent(1000 + Math.floor(random() * 1e5)),
            ])
            const heard = bytesOf(near)
            for (const piece of piecesOf(content, 1 + Math.floor(random() * 3e4))) near.write(piece)
            near.end()
            await within(patience, `the bytes of connection ${index}`, heard.whole, heard.length)
            same(heard.chunks, [content])
          }),
        )
      }),
      at('an attempt that was aborted before is not begun', async (place) => {
        const { addresses } = await place.listen()
        const reason = new Error('stopped')
        await refused(
          place.connect(addresses[0]!, AbortSignal.abort(reason)),
          patience,
          (error) => error === reason,
        )
        ensure(place.accepted.length === 0, 'it has connected all the same')
      }),
      at('an attempt that is aborted meanwhile ends with the reason of the signal', async (place) => {
        const { addresses } = await place.listen()
        const reason = new Error('stopped')
        const stop = new AbortController()
        const attempt = place.connect(addresses[0]!, stop.signal)
        stop.abort(reason)
        await refused(attempt, patience, (error) => error === reason)
        // what had been accepted hears of it
        for (const far of place.accepted) await within(patience, 'the end of what was given up', closing(far))
      }),
      at('a signal that aborts later leaves the connection as it is', async (place) => {
        const stop = new AbortController()
        const [near, far] = await place.pair(stop.signal)
        stop.abort()
        await exchange(near, far, patience)
      }),
      at('a listener that was aborted before does not listen', async (place) => {
        const reason = new Error('stopped')
        await refused(place.listen(AbortSignal.abort(reason)), patience, (error) => error === reason)
      }),
      ...(['close()', 'its signal'] as const).map((how) =>
        at(
          `a listener that is ended by ${how} keeps what it has accepted, and takes no more`,
          async (place) => {
            const stop = new AbortController()
            const [near, far, listening] = await place.pair(undefined, stop.signal)
            if (how === 'close()') await within(patience, 'close()', listening.close())
            else stop.abort()
            await exchange(near, far, patience)
            const attempt = place.connect(listening.addresses[0]!).then(failure)
            await refused(attempt, patience, (error) => isSluiceError(error, 'ERR_UNREACHABLE'))
            ensure(place.accepted.length === 1, 'it has accepted one more connection')
            await within(patience, 'close() once more', listening.close())
          },
        ),
      ),
      at('nothing stays open after connections that have ended, or were destroyed', async (place) => {
        const [near, far, { addresses }] = await place.pair()
        await exchange(near, far, patience)
        for (const end of [near, far]) end.resume().end()
        for (const end of [near, far])
          await within(patience, `'close' where both sides have ended`, closeCame(end))
        const other = await place.connect(addresses[0]!)
        other.destroy()
      }),
    ],
    { open: openHandles, ...options },
  )
}

/** To name the cases: none of them is run. */
const noPair = (): never => {
  throw new Error('no pair')
}

/** What of the system's this process has open that a connection may be made of. */
function openHandles(): number {
  const kinds = /^(?:TCP|TLS|Pipe|Process|HTTP)/
  return process.getActiveResourcesInfo().filter((kind) => kinds.test(kind)).length
}

/** What a stream gives from now on. */
function bytesOf(stream: Duplex) {
  const chunks: Buffer[] = []
  let length = 0
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    length += chunk.length
  })
  const whole = once(stream, 'end')
  // whoever does not wait for it has failed before
  whole.catch(() => {})
  return {
    chunks,
    length: () => length,
    whole,
  }
}

/** Writes it, as fast as it is taken, and ends. */
async function writeAll(stream: Duplex, content: Buffer): Promise<void> {
  for (const piece of piecesOf(content, CHUNK)) {
    ensure(!stream.destroyed, 'it was destroyed before all was written')
    if (!stream.write(piece)) await drained(stream)
  }
  stream.end()
}

/** Something goes from each end to the other. */
async function exchange(near: Duplex, far: Duplex, patience: number): Promise<void> {
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    const heard = once(to, 'data')
    from.write('hello')
    const [chunk] = await within(patience, 'what was written', heard)
    same([chunk as Buffer], [Buffer.from('hello')])
  }
}

async function refused(
  attempt: Promise<unknown>,
  patience: number,
  isRight: (error: unknown) => boolean,
): Promise<void> {
  const error = await within(
    patience,
    'the end of the attempt',
    attempt.then(
      () => undefined,
      (reason: unknown) => reason ?? new Error('nothing'),
    ),
  )
  ensure(error !== undefined, 'the attempt came to something')
  ensure(isRight(error), `the attempt ended with ${String(error)}`)
}

/** Rejects with the error of a connection that does not come to be: some can tell only then. */
async function failure(stream: Duplex): Promise<void> {
  await once(stream.resume(), 'end')
}

/** The end of a stream, however it comes. */
function closing(stream: Duplex): Promise<unknown> {
  const told = ['end', 'close'].map((event) => new Promise((resolve) => stream.once(event, resolve)))
  stream.resume()
  return stream.destroyed || stream.readableEnded ? Promise.resolve() : Promise.race(told)
}
