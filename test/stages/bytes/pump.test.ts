import { Duplex, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { type Callback, Pump } from '../../../lib/stages/bytes/pump.js'

/** Gives each byte of a chunk twice, as a piece of its own: the smallest stage that stands on a pump. */
class Doubler extends Duplex {
  readonly pump = new Pump<Buffer>(this)
  made = 0

  constructor() {
    super({ readableHighWaterMark: 4, writableHighWaterMark: 1 })
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Callback): void {
    this.pump.take(this.#pieces(chunk), done)
  }

  override _final(done: Callback): void {
    this.push(null)
    done()
  }

  override _read(): void {
    this.pump.resume()
  }

  *#pieces(chunk: Buffer): Generator<Buffer, void> {
    for (const byte of chunk) {
      if (byte === 0) throw new Error('zero')
      this.made++
      yield Buffer.of(byte, byte)
    }
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('each item of a write comes out, in order, however the input is split', async (t) => {
  for (const chunks of [['abcdef'], ['abc', 'def'], [...'abcdef']]) {
    const source = Readable.from(chunks.map((text) => Buffer.from(text)))
    t.is((await pipeline(source, new Doubler(), buffer)).toString(), 'aabbccddeeff')
  }
})

test('back-pressure is the callback of the write: nothing is made ahead, and it is called once, at the end', async (t) => {
  const stage = new Doubler()
  let called = 0
  const more = stage.write(Buffer.from('abcdef'), () => called++)
  await turn()
  t.false(more)
  t.is(stage.made, 2) // four bytes: the reader's mark
  let read = ''
  for (let most = 20; called === 0 && most > 0; most--) {
    read += (stage.read(2) as Buffer | null) ?? ''
    t.true(stage.readableLength <= 6)
    await turn()
  }
  t.is(called, 1)
  t.is(read + String(stage.read() ?? ''), 'aabbccddeeff')
})

test('a reader that asks again from within push is given more, although push says no', (t) => {
  let left = 3
  const given: number[] = []
  const pump = new Pump<number>(new Readable(), (item) => {
    given.push(item)
    if (left-- > 0) t.true(pump.resume()) // does not give the next item from within, either
    return false
  })
  pump.take([1, 2, 3, 4, 5, 6].values(), () => t.fail())
  t.deepEqual(given, [1, 2, 3, 4])
  t.true(pump.resume())
  t.deepEqual(given, [1, 2, 3, 4, 5])
})

test('a reader that asks from within the iterator does not enter it a second time', (t) => {
  const given: number[] = []
  const pump = new Pump<number>(new Readable(), (item) => given.push(item) > 0)
  function* asking() {
    for (let item = 0; item < 3; item++) {
      t.true(pump.resume())
      yield item
    }
  }
  const ends: unknown[] = []
  pump.take(asking(), (error) => ends.push(error))
  t.deepEqual(ends, [undefined])
  t.deepEqual(given, [0, 1, 2])
})

test('the next write may be taken from within the callback of the last', (t) => {
  const given: number[] = []
  const pump = new Pump<number>(new Readable(), (item) => given.push(item) > 0)
  let writes = 3
  const next = () => {
    if (writes-- > 0) pump.take([writes, writes].values(), next)
  }
  next()
  t.deepEqual(given, [2, 2, 1, 1, 0, 0])
})

test('what the iterator throws goes to the callback, after the items before it', async (t) => {
  const stage = new Doubler()
  const read: Buffer[] = []
  stage.on('data', (piece: Buffer) => read.push(piece))
  const failed = new Promise<Error>((resolve) => stage.once('error', resolve))
  stage.write(Buffer.from('ab\0c'))
  t.is((await failed).message, 'zero')
  t.is(Buffer.concat(read).toString(), 'aabb')
})

test('what push throws goes to the callback, and what is no error becomes one', (t) => {
  const failures: unknown[] = []
  const throwing = (thrown: unknown) => {
    const pump = new Pump<number>(new Readable(), () => {
      throw thrown
    })
    pump.take([1].values(), (error) => failures.push(error))
    t.false(pump.resume())
  }
  const boom = new Error('boom')
  throwing(boom)
  throwing(undefined) // must not pass for success
  t.is(failures[0], boom)
  t.true(failures[1] instanceof Error)
  t.is(failures.length, 2)
})

test('a stream that is destroyed in the middle asks its iterator for nothing more', async (t) => {
  const stage = new Doubler()
  stage.write(Buffer.from('abcdef'))
  await turn()
  const { made } = stage
  stage.destroy()
  stage.pump.resume()
  t.is(stage.made, made)

  const eager = new Readable({ read() {} })
  const given: number[] = []
  const pump = new Pump<number>(eager, (item) => {
    given.push(item)
    eager.destroy()
    return true
  })
  pump.take([1, 2].values(), () => t.fail())
  t.deepEqual(given, [1])
})

test('an item that is undefined rests the pump until somebody resumes it', (t) => {
  const given: number[] = []
  const pump = new Pump<number>(new Readable(), (item) => given.push(item) > 0)
  let ready = false
  function* waiting() {
    yield 1
    while (!ready) yield undefined
    yield 2
  }
  let ended = 0
  pump.take(waiting(), () => ended++)
  t.false(pump.resume())
  t.deepEqual(given, [1])
  ready = true
  t.true(pump.resume())
  t.deepEqual(given, [1, 2])
  t.is(ended, 1)
  t.false(pump.resume())
})

test('a source that is no iterator gives one item at a time, and is told when to wait', (t) => {
  const answers = [true, false, false]
  const asks = [false, false, true]
  const pump = new Pump<number>(new Readable(), (item) => {
    if (asks[item]) pump.resume()
    return answers[item]!
  })
  t.true(pump.give(0))
  t.false(pump.give(1))
  t.true(pump.give(2))
})
