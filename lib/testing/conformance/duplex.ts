import { type Duplex, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errorOf } from '../../errors.js'
import { type ByteDuplex, checkDuplex } from '../../transfer/streams/byte-duplex.js'
import { piecesOf, randomContent, randomPieces } from '../splits.js'
import { checkSuite } from './harness/check-suite.js'
import { patienceOf } from './harness/moments.js'
import {
  type ConformanceCase,
  type ConformanceOptions,
  ensure,
  framed,
  QUIET,
  turns,
  within,
} from './harness/probe.js'
import { same } from './harness/sameness.js'

/** What {@link duplexConformance} may be told of a connection. */
export interface DuplexConformance extends ConformanceOptions {
  /** Bytes of the large content that goes over it: 4 MiB by default. */
  many?: number
  /** Bytes that may be on their way before the writer is told to wait: 64 MiB by default. */
  bound?: number
}

type Pair = readonly [near: ByteDuplex, far: ByteDuplex]

const CHUNK = 64 * 1024

/**
 * What Sluice asks of a connection, as cases for any test runner. `connect` gives both ends of a fresh one; they are
 * destroyed after each case. The cases that name `pipeline()` matter to rivers that are put together by hand: what
 * fails there fails without Sluice as well.
 */
export function duplexConformance(
  connect: () => Pair | Promise<Pair>,
  options: DuplexConformance = {},
): ConformanceCase[] {
  checkSuite('connect', connect, options, { own: { many: true, bound: true } })
  const patience = patienceOf(options)
  const { many = 4 * 1024 * 1024, bound = 64 * 1024 * 1024 } = options
  const small = randomContent(5000)
  const cases: [name: string, run: (near: End, far: End) => Promise<void>][] = [
    [
      'it has the methods that are used of it',
      async (near, far) => {
        for (const { duplex } of [near, far]) checkDuplex('the end', duplex)
      },
    ],
    [
      'what is written arrives, whole and in order, in either direction',
      async (near, far) => {
        for (const [from, to] of [
          [near, far],
          [far, near],
        ] as const) {
          await from.writeAll(randomPieces(small, 1).filter(({ length }) => length > 0))
          await to.has(small.length)
          same(to.heard, [small])
        }
      },
    ],
    [
      'both directions flow at once',
      async (near, far) => {
        const content = randomContent(many)
        const all = [near, far].map((end) => end.writeAll(piecesOf(content, CHUNK)))
        await Promise.all([...all, near.has(many), far.has(many)])
        for (const { heard } of [near, far]) same(heard, [content])
      },
    ],
    [
      'a reader that pauses gets nothing before it goes on, and all of it then',
      async (near, far) => {
        let before = 0
        far.onData = () => {
          before ||= far.length
          far.duplex.pause()
        }
        const written = near.writeAll(piecesOf(small, 500))
        await far.has(1)
        await turns(QUIET)
        ensure(far.length === before, `${far.length - before} bytes came to a reader that had paused`)
        far.onData = () => {}
        far.duplex.resume()
        await Promise.all([written, far.has(small.length)])
      },
    ],
    [
      'a reader that does not read makes the writer wait, and lets it go on',
      async (near, far) => {
        far.onData = () => far.duplex.pause()
        const chunk = randomContent(CHUNK)
        let written = 0
        do {
          ensure(written < bound, `nobody reads, and it has taken ${written} bytes and asks for more`)
          near.hasRoom = near.duplex.write(chunk)
          written += chunk.length
          if (!near.hasRoom) await Promise.race([near.drained(), turns(QUIET)])
        } while (near.hasRoom)
        far.onData = () => {}
        far.duplex.resume()
        await Promise.all([near.drained(), far.has(written)])
      },
    ],
    [
      'who ends one side is heard, behind the last byte',
      async (near, far) => {
        near.duplex.write(small)
        near.duplex.end()
        await far.isHearing('the end of the other side')
        same(far.heard, [small])
      },
    ],
    [
      'when both sides have ended, both ends say that all is over',
      async (near, far) => {
        near.duplex.write(small)
        near.duplex.end()
        await far.isHearing('the end of the other side')
        far.duplex.end()
        await Promise.all([near, far].map((end) => end.isAllOver()))
      },
    ],
    [
      'an end that is destroyed says so',
      async (near) => {
        near.duplex.destroy()
        near.duplex.destroy()
        await turns(1)
        if ((near.duplex as Partial<Duplex>).destroyed !== true) await near.isHearing(`'close'`)
      },
    ],
    ...(['near', 'far'] as const).map((which): (typeof cases)[number] => [
      `when the ${which} end is destroyed, the other one hears it`,
      async (near, far) => {
        const [gone, other] = which === 'near' ? [near, far] : [far, near]
        gone.duplex.write(small)
        await other.has(small.length)
        gone.duplex.destroy()
        await other.isHearing('that the other end was destroyed')
      },
    ]),
    [
      'pipeline() into it and out of it come to their end',
      async (near, far) => {
        await Promise.all(piped(near, far, Readable.from(piecesOf(small, 500))))
      },
    ],
    ...(['near', 'far'] as const).map((which): (typeof cases)[number] => [
      `pipeline() into it and out of it notice when the ${which} end is destroyed`,
      async (near, far) => {
        let destroyed = false
        const destroy = () => {
          if (!destroyed) (which === 'near' ? near : far).duplex.destroy()
          destroyed = true
        }
        const sides = piped(near, far, endless(small), destroy)
        for (const [at, side] of sides.entries()) {
          const error = await within(
            patience,
            'a failure',
            side.then(() => undefined, errorOf),
          )
          // who reads may take it for the end
          ensure(at === 1 || error !== undefined, 'it ended as if all had been written')
        }
      },
    ]),
  ]
  return framed(
    cases.map(([name, run]) => ({
      name,
      async run() {
        const pair = await connect()
        ensure(Array.isArray(pair) && pair.length === 2, 'what connect gives must be a list of both ends')
        const ends = pair.map((duplex) => new End(duplex, patience))
        try {
          // what a case waits for says so itself, and sooner
          await within(2 * patience, 'the end of this case', run(ends[0]!, ends[1]!))
        } finally {
          for (const { duplex } of ends) duplex.destroy()
        }
      },
    })),
    options,
  )
}

/** One end, by what a {@link ByteDuplex} has and nothing more: what came to it, and what it told. */
class End {
  heard: Buffer[] = []
  length = 0
  onData = () => {}
  hasRoom = true
  #error: unknown
  #isOver = false
  /** What went in has gone out, or it is closed. */
  #isThrough = false
  #look = () => {}

  constructor(
    readonly duplex: ByteDuplex,
    readonly patience: number,
  ) {
    duplex.on('data', this.#data)
    duplex.on('drain', () => this.#told(() => (this.hasRoom = true)))
    duplex.on('error', (error) => this.#told(() => (this.#error = error)))
    for (const event of ['end', 'close']) duplex.on(event, () => this.#told(() => (this.#isOver = true)))
    for (const event of ['finish', 'close'])
      duplex.on(event, () => this.#told(() => (this.#isThrough = true)))
    duplex.resume()
  }

  readonly #data = (chunk: Uint8Array): void => {
    this.heard.push(Buffer.from(chunk))
    this.length += chunk.length
    this.onData()
    this.#look()
  }

  /** Leaves what comes to somebody else. */
  forget(): void {
    this.duplex.off('data', this.#data)
    this.duplex.pause()
  }

  async writeAll(chunks: Buffer[]): Promise<void> {
    for (const chunk of chunks) {
      this.hasRoom = this.duplex.write(chunk)
      await this.drained()
    }
  }

  drained(): Promise<void> {
    return this.#until(`'drain'`, () => this.hasRoom)
  }

  has(bytes: number): Promise<void> {
    return this.#until(`${bytes} bytes`, () => this.length >= bytes)
  }

  /** Something was told that says that no more comes. */
  isHearing(what: string): Promise<void> {
    return this.#until(what, () => this.#isOver || this.#error !== undefined)
  }

  /** Nothing more comes, and what was written has arrived. */
  isAllOver(): Promise<void> {
    return this.#until(`'end' and 'finish', or 'close'`, () => this.#isOver && this.#isThrough)
  }

  #told(note: () => void): void {
    note()
    this.#look()
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    if (isSo()) return
    const so = new Promise<void>((resolve, reject) => {
      const before = this.#look
      this.#look = () => {
        before()
        if (isSo()) resolve()
        else if (this.#error !== undefined) reject(errorOf(this.#error))
      }
    })
    await within(this.patience, what, so)
  }
}

/** A pipeline into the near end, and one out of the far end, which calls `began` when bytes come. */
function piped(near: End, far: End, source: Readable, began = () => {}): Promise<void>[] {
  for (const end of [near, far]) end.forget()
  const sink = new Writable({
    write(_chunk, _encoding, callback) {
      began()
      setImmediate(callback)
    },
  })
  const sides = [pipeline(source, near.duplex as Duplex), pipeline(far.duplex as Duplex, sink)]
  for (const side of sides) side.catch(() => {})
  return sides
}

/** Gives the chunk again and again, as fast as it is taken. */
function endless(chunk: Buffer): Readable {
  return new Readable({
    read() {
      this.push(chunk)
    },
  })
}
