import { EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import { Duplex, Readable, Transform, Writable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { type ByteDuplex, type ReceiveOptions, receive, type SendOptions, send } from '../../lib/index.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import { plant, temporary } from '../helpers/folders.js'

/**
 * What is used of a connection, and nothing more: what strangers write has less than a stream of Node, or other things.
 */
class Smallest extends EventEmitter {
  other!: Smallest
  isPaused_ = true
  readonly waiting: (() => void)[] = []
  hasEnded = false
  hasHeardEnd = false
  isDestroyed = false

  write(chunk: Uint8Array): boolean {
    this.other.give(() => this.other.emit('data', chunk))
    return this.other.waiting.length < 8
  }

  end(): void {
    if (this.hasEnded) return
    this.hasEnded = true
    this.other.give(() => {
      this.other.hasHeardEnd = true
      this.other.emit('end')
    })
    queueMicrotask(() => this.emit('finish'))
  }

  give(event: () => void): void {
    this.waiting.push(event)
    setImmediate(() => this.flow())
  }

  flow(): void {
    while (!this.isPaused_ && !this.isDestroyed && this.waiting.length > 0) this.waiting.shift()!()
    if (this.waiting.length === 0) this.other.emit('drain')
  }

  pause(): void {
    this.isPaused_ = true
  }

  resume(): void {
    this.isPaused_ = false
    setImmediate(() => this.flow())
  }

  /** Tells nobody. */
  destroy(): void {
    this.isDestroyed = true
    this.other.give(() => this.other.hasHeardEnd || this.other.emit('end'))
  }

  get destroyed(): boolean {
    return this.isDestroyed
  }
}

/** Far away; and cannot end one half: ended, it resets all, and what the other side has not read yet is lost. */
class Resetting extends Smallest {
  override give(event: () => void): void {
    let turns = 20
    const arrive = () => void (turns-- > 0 ? setImmediate(arrive) : super.give(event))
    arrive()
  }

  override end(): void {
    if (!this.hasHeardEnd) this.other.give = () => {}
    super.end()
    this.other.emit('close')
    queueMicrotask(() => this.emit('close'))
  }
}

function smallestPair(Kind = Smallest): [Duplex, Duplex] {
  const [near, far] = [new Kind(), new Kind()]
  near.other = far
  far.other = near
  return [near, far] as unknown as [Duplex, Duplex]
}

/** Wraps both ends of a pair. */
function wrapped(wrap: (inner: Duplex) => Duplex): [Duplex, Duplex] {
  const [near, far] = duplexPair()
  return [wrap(near), wrap(far)]
}

/** A duplex around another one, with what a stranger may have done differently. */
function around(inner: Duplex, options: object = {}, destroys = true): Duplex {
  let resume = () => {}
  const outer = new Duplex({
    read: () => {
      resume()
      inner.resume()
    },
    write: (chunk, _encoding, done) => {
      if (inner.write(chunk)) done()
      else inner.once('drain', done)
    },
    final: (done) => void inner.end(done),
    destroy: (error, done) => {
      inner.destroy()
      if (destroys) done(error)
    },
    ...options,
  })
  resume = () => {
    resume = () => {}
    inner.on('data', (chunk) => outer.push(chunk) || inner.pause())
    inner.on('end', () => outer.push(null))
    inner.on('close', () => outer.destroy())
  }
  return outer
}

const KINDS: Record<string, () => [Duplex, Duplex]> = {
  'that has only what is used': () => smallestPair(),
  'that never tells that it is closed': () => wrapped((inner) => around(inner, { emitClose: false })),
  'that Duplex.from made, by the way out of the message': () =>
    wrapped((inner) =>
      Duplex.from({
        readable: Readable.from(inner, { objectMode: false }),
        writable: new Writable({ write: (chunk, _encoding, done) => void inner.write(chunk, done) }),
      }),
    ),
  'whose destroy never ends': () => wrapped((inner) => around(inner, {}, false)),
  'that closes both halves at once': () => wrapped((inner) => around(inner, { allowHalfOpen: false })),
  'that gives arrays of bytes': () =>
    wrapped((inner) => {
      const push = inner.push.bind(inner)
      const emit = inner.emit.bind(inner)
      inner.emit = ((name: string, chunk: Buffer, ...rest: unknown[]) =>
        name === 'data' ? emit(name, new Uint8Array(chunk)) : emit(name, chunk, ...rest)) as typeof inner.emit
      inner.push = push
      return inner
    }),
}

async function sides(t: ExecutionContext<unknown>, [near, far]: [Duplex, Duplex]) {
  const path = join(await plant(await temporary(t), { photos: 'x'.repeat(3_000_000) }), 'photos')
  const dir = await temporary(t)
  const limits = { closeTimeout: 300 }
  return {
    send: (options?: SendOptions) => send(near, [path], { limits, ...options }),
    receive: (options?: Partial<ReceiveOptions>) => receive(far, { dir, accept: 'all', limits, ...options }),
  }
}

for (const [what, pair] of Object.entries(KINDS)) {
  test(`a transfer over a duplex ${what} ends well`, async (t) => {
    const both = await sides(t, pair())
    const [sent, received] = await Promise.all([both.send().finished, both.receive().finished])
    t.is(sent.published, 1)
    t.is(received.published, 1)
  })

  test(`a cancellation over a duplex ${what} is heard, and both sides end`, async (t) => {
    const both = await sides(t, pair())
    const stop = new AbortController()
    const sending = both.send({ signal: stop.signal })
    const accept = () => {
      stop.abort()
      return new Promise<boolean>(() => {})
    }
    const receiving = both.receive({ accept })
    await t.throwsAsync(sending.finished, { code: 'ERR_CANCELLED', message: /^cancelled here/ })
    await t.throwsAsync(receiving.finished, { code: 'ERR_CANCELLED', message: /^cancelled by the peer/ })
  })

  test(`a duplex ${what} that was destroyed before interrupts a transfer`, async (t) => {
    const [near, far] = pair()
    near.on('error', () => {})
    near.destroy()
    const both = await sides(t, [near, far])
    const { code } = (await t.throwsAsync(both.send().finished)) as { code?: string }
    t.is(code, 'ERR_INTERRUPTED')
  })
}

for (const who of ['sender', 'receiver'] as const)
  test(`the ${who} that cancels lets the peer end first: what has no half that ends alone would lose the word`, async (t) => {
    const both = await sides(t, smallestPair(Resetting))
    const transfers = { sender: both.send(), receiver: both.receive() }
    const { [who]: here, [who === 'sender' ? 'receiver' : 'sender']: there } = transfers
    const cancelled = new Promise<void>((resolve) => {
      here.once('progress', () => resolve(here.cancel()))
    })
    await t.throwsAsync(there.finished, { code: 'ERR_CANCELLED', message: /^cancelled by the peer/ })
    await t.throwsAsync(here.finished, { code: 'ERR_CANCELLED', message: /^cancelled here/ })
    await cancelled
  })

/** By which method it is named. */
const METHODS: Record<string, RegExp> = {
  on: /on\(\) of it threw: it is full/,
  resume: /resume\(\) of it threw: it is full/,
  write: /write\(\) of it threw: it is full/,
}
for (const [method, message] of Object.entries(METHODS))
  for (const [how, fails] of Object.entries({
    throws: () => {
      throw new TypeError('it is full')
    },
    rejects: async () => {
      throw new TypeError('it is full')
    },
  }))
    test(`where ${method}() of a duplex ${how}, the transfer is interrupted, and the error says so`, async (t) => {
      const [near, far] = smallestPair()
      const both = await sides(t, [near, far])
      Object.assign(near, { [method]: fails })
      const { finished } = both.send()
      await t.throwsAsync(finished, { code: 'ERR_INTERRUPTED', message })
    })

test('what the methods of a duplex return does not matter', async (t) => {
  const [near, far] = duplexPair()
  const silent = (duplex: Duplex): ByteDuplex => ({
    write: (chunk) => duplex.write(chunk) as boolean,
    end: () => void duplex.end(),
    destroy: () => void duplex.destroy(),
    pause: () => void duplex.pause(),
    resume: () => void duplex.resume(),
    on: (event, listener) => void duplex.on(event, listener),
    off: (event, listener) => void duplex.off(event, listener),
  })
  const both = await sides(t, [silent(near), silent(far)] as unknown as [Duplex, Duplex])
  const [sent] = await Promise.all([both.send().finished, both.receive().finished])
  t.is(sent.published, 1)
})

const BAD: Record<string, (duplex: Duplex) => unknown> = {
  'a method of it throws': (duplex) => {
    duplex.write = () => {
      throw new TypeError('it is full')
    }
  },
  'it gives texts': (duplex) => {
    const resume = duplex.resume.bind(duplex)
    duplex.resume = () => {
      queueMicrotask(() => duplex.emit('data', 'a text'))
      return resume()
    }
  },
  'it fails': (duplex) => setImmediate(() => duplex.destroy(new Error('it is full'))),
}
for (const [what, spoil] of Object.entries(BAD)) {
  test(`where ${what}, the transfer is interrupted, and nothing else is`, async (t) => {
    const [near, far] = duplexPair()
    far.on('error', () => {})
    const both = await sides(t, [near, far])
    spoil(near)
    await t.throwsAsync(both.send().finished, {
      code: 'ERR_INTERRUPTED',
      message: /it is full|it gives texts, not bytes/,
    })
  })
}

test('a duplex with an encoding is refused: its bytes would be texts', async (t) => {
  const [near] = duplexPair()
  near.setEncoding('utf8')
  t.throws(() => send(near, ['x']), {
    code: 'ERR_USAGE',
    message: /^socket must be a duplex stream of bytes, without setEncoding\(\), not/,
  })
})

test('a wire stage without isPaused, and a connection without it, live through a sign of life', async (t) => {
  const both = await sides(t, smallestPair())
  const limits = { closeTimeout: 300, pingInterval: 1, idleTimeout: 60_000 }
  let answer = (_yes: boolean) => {}
  const sending = both.send({ limits })
  const receiving = both.receive({
    limits,
    accept: () =>
      new Promise<boolean>((resolve) => {
        answer = resolve
      }),
  })
  await once(receiving, 'state')
  await new Promise((resolve) => setTimeout(resolve, 20))
  answer(true)
  const [sent] = await Promise.all([sending.finished, receiving.finished])
  t.is(sent.published, 1)
})

test('two receivers do not wait for each other for ever', async (t) => {
  const limits = { closeTimeout: 300, offerTimeout: 100, pingInterval: 10 }
  for (const transfer of duplexPair().map((end) => receive(end, { dir: 'nowhere', accept: 'all', limits }))) {
    const { code } = (await t.throwsAsync(transfer.finished)) as { code?: string }
    t.is(code, 'ERR_TIMEOUT')
  }
})

const failing = (options: ConstructorParameters<typeof Transform>[0]) => () => new Transform(options)
const throwing = () => {
  throw new RangeError('boom')
}
const STAGES: Record<string, NonNullable<ReceiveOptions['stages']>> = {
  'a wire stage throws': { wire: [{ format: 'x', incoming: failing({ transform: throwing }) }] },
  'a maker of a wire stage throws': { wire: [{ format: 'x', incoming: throwing }] },
  'a file stage throws at the offer': { file: [failing({ objectMode: true, transform: throwing })] },
  'a file stage is none of objects': { file: [failing({ transform: (_c, _e, done) => done() })] },
  'a maker of a file stage throws': { file: [throwing] },
}
for (const [what, stages] of Object.entries(STAGES)) {
  test(`where ${what}, both sides end with an error, and the process goes on`, async (t) => {
    const both = await sides(t, duplexPair())
    const wire = stages.wire && [
      { format: 'x', outgoing: failing({ transform: (c, _e, done) => done(null, c) }) },
    ]
    const sending = both.send(wire ? { stages: { wire } } : {})
    const receiving = both.receive({ stages })
    const [sent, received] = await Promise.allSettled([sending.finished, receiving.finished])
    t.is(sent.status, 'rejected')
    const { code, message } = (received as PromiseRejectedResult).reason
    t.is(code, 'ERR_DESTROYED')
    t.regex(message, /stages\.(wire|file)\[0\]/)
  })
}

const NO_STAGES: Record<string, object> = {
  'a function': { wire: [() => new Transform()] },
  'a Transform': { wire: [new Transform()] },
  'a list of stages for the stages': [{ outgoing: () => new Transform() }],
  'a misspelt list': { wires: [{ outgoing: () => new Transform() }] },
  'a misspelt direction': { wire: [{ format: 'x', outgoin: () => new Transform() }] },
  'a format without a stage': { wire: [{ format: 'x' }] },
}
for (const [what, stages] of Object.entries(NO_STAGES)) {
  test(`${what} is no wire stage, and refused: the bytes would go in the clear`, (t) => {
    for (const start of [
      (end: Duplex) => send(end, ['x'], { stages } as SendOptions),
      (end: Duplex) => receive(end, { dir: 'x', accept: 'all', stages } as ReceiveOptions),
    ])
      t.throws(() => start(duplexPair()[0]), { code: 'ERR_USAGE', message: /stages/ })
  })
}

test('an option that is misspelt is refused, with the name that was meant', (t) => {
  const [near] = duplexPair()
  t.throws(() => receive(near, { dir: 'x', accept: 'all', conflcit: 'skip' } as never), {
    code: 'ERR_USAGE',
    message: 'unknown name "conflcit" in options; did you mean conflict?',
  })
  t.throws(() => send(near, ['x'], { gitIgnore: true } as never), { message: /did you mean gitignore\?/ })
})
