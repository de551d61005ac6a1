// A source of a user's that does not answer.
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import {
  manifestOfEntries,
  memoryParts,
  memorySources,
  receive,
  type SluiceError,
  send,
} from '../../lib/index.js'
import type { OpenSource, SourceStore } from '../../lib/stores/sources.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import { randomContent } from '../../lib/testing/splits.js'

const never = () => new Promise<never>(() => {})
const SMALL = Buffer.from('small')
const LARGE = randomContent(3_000_000)

/** A store that is silent from one method on. */
function silent(
  content: Buffer,
  where: 'open' | 'readRun' | keyof OpenSource,
): { store: SourceStore; entries: [] } {
  const sources = memorySources(new Map([['a\n', content]]))
  const store: SourceStore = {
    rereadable: () => true,
    open: async (entry, signal) => {
      if (where === 'open') return never()
      const open = await sources.open!(entry, signal)
      const own: OpenSource = {
        read: (at, bytes) => open.read(at, bytes),
        verify: () => open.verify(),
        close: async () => {},
      }
      return { ...own, ...(where !== 'readRun' && { [where]: never }) }
    },
    ...(where === 'readRun' && { readRun: never }),
  }
  return { store, entries: sources.entries as [] }
}

for (const [size, content] of Object.entries({ small: SMALL, large: LARGE }))
  for (const where of ['open', 'readRun', 'read', 'verify', 'close'] as const) {
    if (where === 'readRun' && size === 'large') continue
    test(`that a source does not answer is told while it runs, and when it is cancelled: ${where}, ${size}`, async (t) => {
      const clock = new FakeClock()
      const [near, far] = duplexPair()
      const { store, entries } = silent(content, where)
      const limits = { pingInterval: 1000, closeTimeout: 5000 }
      const sender = send(near, manifestOfEntries(entries, store, { name: 'test' }), { clock, limits })
      const receiver = receive(far, { store: memoryParts(), accept: 'all', clock, limits })
      receiver.finished.catch(() => {})
      const warnings: SluiceError[] = []
      sender.on('warning', (warning) => warnings.push(warning))
      for (; warnings.length === 0; await setImmediate()) clock.advance(1000)
      t.is(warnings[0]!.code, 'ERR_TIMEOUT')
      const why = /^the store, which is to read a\\n, has not answered/
      t.regex(warnings[0]!.message, why)
      const cancelling = sender.cancel()
      let isOver = false
      const ended = sender.finished
        .catch((error: SluiceError) => error)
        .finally(() => {
          isOver = true
        })
      for (; !isOver; await setImmediate()) clock.advance(100)
      const error = (await ended) as SluiceError
      t.is(error.code, 'ERR_CANCELLED')
      t.regex(error.message, /which is to read a\\n, has not answered; it was waited for/)
      await cancelling
    })
  }

test('a stream that is silent is no fault: nothing is told', async (t) => {
  const clock = new FakeClock()
  const [near, far] = duplexPair()
  const store: SourceStore = {
    rereadable: () => false,
    stream: async function* () {
      await asked
      yield SMALL
    } as never,
  }
  let answer = () => {}
  const asked = new Promise<void>((resolve) => {
    answer = resolve
  })
  const manifest = manifestOfEntries([{ path: 'a', size: SMALL.length }], store, { name: 'test' })
  const sender = send(near, manifest, { clock })
  const receiver = receive(far, { store: memoryParts(), accept: 'all', clock })
  sender.on('warning', ({ message }) => t.fail(message))
  for (let second = 0; second < 100; second++, await setImmediate()) clock.advance(1000)
  answer()
  t.is((await sender.finished).published, 1)
  await receiver.finished
})
