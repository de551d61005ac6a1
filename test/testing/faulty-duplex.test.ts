import { once } from 'node:events'
import { type Duplex, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import test from 'ava'
import { isSluiceError } from '../../lib/index.js'
import {
  duplexPair,
  FakeClock,
  type Faults,
  piecesOf,
  randomContent,
  readableConformance,
  swapPairs,
  writableConformance,
} from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'

const content = randomContent(100_000)

/** All that an end gets; unlike a loop over it, this does not destroy the end. */
async function read(end: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  end.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(end, 'end')
  return Buffer.concat(chunks)
}

test('what one end writes, the other reads, both ways and half-open', async (t) => {
  const [a, b] = duplexPair()
  a.end('hello')
  t.is(String(await read(b)), 'hello')
  // b has seen the end and may go on writing.
  b.write('still ')
  b.end('there')
  t.is(String(await read(a)), 'still there')
})

for (const pieces of [1, 1000, 'random'] as const)
  test(`bits are flipped where they stand, whatever the pieces: ${pieces}`, async (t) => {
    const flips = [0, 7, 8, 8 * 999 + 3, 8 * 1000, 8 * 4999 + 7]
    const [a, b] = duplexPair({ forth: { pieces, flips } })
    const sent = content.subarray(0, 5000)
    a.end(sent)
    const came = await read(b)
    const expected = Buffer.from(sent)
    for (const bit of flips) expected[bit >> 3]! ^= 1 << (bit & 7)
    t.true(came.equals(expected))
    t.true(sent.equals(content.subarray(0, 5000)), 'the bytes of the writer are its own')
  })

test('a piece that is duplicated arrives twice, and once in the count of bytes', async (t) => {
  const [a, b] = duplexPair({ forth: { pieces: 3, duplicateAt: 4, cutAfter: 9 } })
  a.on('error', () => {})
  a.write('abcdefghijkl')
  t.is(String(await read(b)), 'abcdefdefghi')
})

test('what is written to one of two pairs that were swapped arrives at the other, also what waited', async (t) => {
  const options = { forth: { pieces: 100 }, back: { pieces: 100 } }
  const [a, b] = duplexPair(options)
  const [c, d] = duplexPair(options)
  const texts = { a: 'a'.repeat(5000), b: 'b'.repeat(10), c: 'c'.repeat(7000), d: 'd'.repeat(3000) }
  // nobody reads yet, so that all of them wait
  a.end(texts.a)
  c.end(texts.c)
  swapPairs(a, c)
  b.end(texts.b)
  d.end(texts.d)
  const [atA, atB, atC, atD] = (await Promise.all([a, b, c, d].map(read))).map(String)
  t.is(atA, texts.d)
  t.is(atC, texts.b)
  // what was on its way came there
  const [early, late] = [atB!.replaceAll('c', ''), atD!.replaceAll('a', '')]
  t.is(atB, early + texts.c.slice(late.length))
  t.is(atD, late + texts.a.slice(early.length))
  t.true(early.length > 0 && late.length > 0 && early.length < 5000 && late.length < 7000)
  const pair = duplexPair()
  for (const other of pair) t.throws(() => swapPairs(pair[0], other), { code: 'ERR_USAGE' })
})

test('after a swap two may write to one end, and what comes for one that has ended is lost', async (t) => {
  const clock = new FakeClock()
  const [a, b] = duplexPair({ forth: { delay: 30 }, clock })
  const [c, d] = duplexPair({ forth: { pieces: 10 } })
  const wrote = [a, c].map((end, n) => new Promise((resolve) => end.write(`${n}`.repeat(100), resolve)))
  swapPairs(a, c)
  clock.advance(30)
  b.resume()
  d.resume()
  await Promise.all(wrote)
  const [e, f] = duplexPair()
  const [g, h] = duplexPair()
  e.end()
  await read(f)
  swapPairs(e, g)
  await new Promise((resolve) => g.write('lost', resolve))
  h.destroy()
  t.false(f.destroyed && f.errored !== null)
})

for (const pieces of [1, 7, 'random'] as const) {
  test(`pieces: ${pieces} keeps every byte`, async (t) => {
    const [a, b] = duplexPair({ forth: { pieces, seed: 5 } })
    const sizes = new Set<number>()
    Readable.from(piecesOf(content, 30_000)).pipe(a)
    const chunks: Buffer[] = []
    for await (const chunk of b as AsyncIterable<Buffer>) {
      sizes.add(chunk.length)
      chunks.push(chunk)
    }
    const back = Buffer.concat(chunks)
    t.true(back.equals(content))
    if (pieces !== 'random') t.is(Math.max(...sizes), pieces)
    else t.true(sizes.size > 5)
  })
}

test('a piece takes its delay, and a destroyed end leaves no timer', async (t) => {
  const clock = new FakeClock()
  const [a, b] = duplexPair({ forth: { delay: 20, pieces: 2 }, clock })
  a.write('abcd')
  t.is(clock.pending, 1)
  clock.advance(19)
  t.is(b.read(), null)
  clock.advance(1)
  t.is(String(b.read()), 'ab')
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(20)
  t.is(String(b.read()), 'cd')
  a.write('ef')
  a.destroy()
  t.is(clock.pending, 0)
  b.destroy()
})

test('a slow piece waits until the other end has room', async (t) => {
  const clock = new FakeClock({ auto: true })
  const [a, b] = duplexPair({ forth: { delay: 1, pieces: 10 }, highWaterMark: 16, clock })
  a.end(content.subarray(0, 1000))
  t.true((await buffer(b)).equals(content.subarray(0, 1000)))
})

test('an end that does not read stops the other', async (t) => {
  const [a, b] = duplexPair({ highWaterMark: 1000 })
  let taken = 0
  for (const chunk of piecesOf(content, 500)) a.write(chunk, (error) => !error && taken++)
  await new Promise((resolve) => setImmediate(resolve))
  t.true(taken <= 3)
  t.true(b.readableLength <= 1500)
  b.resume()
  await once(a, 'drain')
  a.destroy()
})

test('a cut lets so many bytes through, then an early end there and EPIPE here', async (t) => {
  for (const cutAfter of [0, 1, 999, 1000]) {
    const [a, b] = duplexPair({ forth: { cutAfter, pieces: 300 } })
    const arrived = read(b)
    a.end(content.subarray(0, 1000))
    const [error] = (await once(a, 'error')) as [NodeJS.ErrnoException]
    t.is(error.code, 'EPIPE')
    t.is((await arrived).length, cutAfter)
    const writing = once(b, 'error')
    b.write('answer')
    t.is(((await writing)[0] as NodeJS.ErrnoException).code, 'EPIPE')
  }
})

test('an error comes to both ends after so many bytes', async (t) => {
  const error = new Error('cable')
  for (const faults of [{ errorAfter: 5, error }, { errorAfter: 5 }] satisfies Faults[]) {
    const [a, b] = duplexPair({ back: faults })
    const failed = Promise.all([once(a, 'error'), once(b, 'error')])
    b.write('hello')
    for (const [found] of await failed) {
      if ('error' in faults) t.is(found, error)
      else t.is((found as NodeJS.ErrnoException).code, 'ECONNRESET')
    }
  }
})

test('dropped bytes are taken and never arrive, nor does the end', async (t) => {
  const [a, b] = duplexPair({ forth: { dropAfter: 3 } })
  let ended = false
  b.on('end', () => {
    ended = true
  })
  const chunks: Buffer[] = []
  b.on('data', (chunk: Buffer) => chunks.push(chunk))
  a.write('hello')
  a.end('world')
  await once(a, 'finish')
  await new Promise((resolve) => setImmediate(resolve))
  t.is(String(Buffer.concat(chunks)), 'hel')
  t.false(ended)
  a.destroy()
  b.destroy()
})

test('a stalled end takes no more', async (t) => {
  const [a, b] = duplexPair({ forth: { stallAfter: 3 } })
  let taken = false
  a.write('hello', (error) => {
    taken = !error
  })
  b.resume()
  await new Promise((resolve) => setImmediate(resolve))
  t.false(taken)
  t.is(a.writableLength, 5)
  a.destroy()
  b.destroy()
})

test('a destroyed end is an early end for the other, or a reset if something was unread', async (t) => {
  const [a, b] = duplexPair()
  b.resume()
  const ended = once(b, 'end')
  a.destroy()
  await ended
  b.destroy()
  const [c, d] = duplexPair()
  d.write('unread')
  c.destroy()
  t.is(((await once(d, 'error'))[0] as NodeJS.ErrnoException).code, 'ECONNRESET')
  const [e, f] = duplexPair()
  e.on('error', () => {})
  f.resume()
  e.destroy(new Error('boom'))
  await t.notThrowsAsync(once(f, 'end'))
})

test('an end whose other one is gone ends all the same, as a socket does', async (t) => {
  const [a, b] = duplexPair()
  a.destroy()
  b.resume()
  await once(b, 'end')
  b.end()
  await once(b, 'close')
  t.true(b.writableFinished)
})

test('a write that waits for a reader fails when that reader goes', async (t) => {
  const [a, b] = duplexPair({ highWaterMark: 4 })
  a.write('0123456789')
  a.write('0123456789')
  b.destroy()
  const [error] = (await once(a, 'error')) as [NodeJS.ErrnoException]
  t.true(['EPIPE', 'ECONNRESET'].includes(error.code!))
})

test('impossible faults are refused at once', (t) => {
  for (const forth of [{ cutAfter: -1 }, { delay: Number.NaN }, { pieces: 0 }, { pieces: 1.5 }]) {
    const error = t.throws(() => duplexPair({ forth }))
    t.true(isSluiceError(error, 'ERR_USAGE'))
  }
})

const large = () => piecesOf(randomContent(4 * 1024 * 1024), 64 * 1024)
conforms(
  'an end that reads',
  readableConformance<Buffer>(
    () => {
      const [a, b] = duplexPair()
      a.on('error', () => {})
      a.end(content.subarray(0, 5000))
      return b.end()
    },
    {
      expected: () => [content.subarray(0, 5000)],
      many: () => {
        const [a, b] = duplexPair()
        Readable.from(large()).pipe(a.on('error', () => {}))
        return b.end()
      },
    },
  ),
)
conforms(
  'an end that writes',
  writableConformance<Buffer>(
    () => {
      const [a, b] = duplexPair({ forth: { pieces: 20_000 } })
      b.on('error', () => {})
      a.resume()
      b.resume().end()
      return a
    },
    { input: () => piecesOf(content.subarray(0, 500), 100), many: large },
  ),
)
