import test from 'ava'
import { SluiceError } from '../../lib/errors.js'
import { Plan } from '../../lib/transfer/plan.js'
import type { Progress } from '../../lib/transfer/progress.js'
import { Transfer } from '../../lib/transfer/transfer.js'
import { makeOffer } from '../helpers/make-offer.js'

const CALLS = {
  cancel: async () => {},
  pause: () => {},
  attach: async () => {},
  isOpen: () => false,
  end: () => {},
}
const RESULT = { id: 'x', files: [], published: 0, skipped: 0, failed: 0, bytes: 0, resumedBytes: 0 }

test('a transfer tells its states, and `finished` its result', async (t) => {
  const control = Transfer.create('send', CALLS)
  const states: string[] = []
  control.transfer.on('state', (state) => states.push(state))
  control.identify('x')
  for (const state of ['connecting', 'offered', 'sending'] as const) control.move(state)
  control.complete(RESULT)
  t.deepEqual(states, ['connecting', 'offered', 'sending', 'completed'])
  t.is(control.transfer.id, 'x')
  t.is(await control.transfer.finished, RESULT)
})

test('an error that nobody looks at does not crash the process', async (t) => {
  const control = Transfer.create('receive', CALLS)
  const error = new SluiceError('ERR_INTERRUPTED', 'gone')
  control.fail(error)
  await new Promise((resolve) => setImmediate(resolve))
  t.is(control.transfer.state, 'interrupted')
  t.is(await control.transfer.finished.catch((e) => e), error)
})

test('iterating gives progress until the end', async (t) => {
  const plan = new Plan()
  const head = { id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }
  plan.add(makeOffer(head, [{ type: 'file', path: 'a', size: 7, mtime: 0, mode: 0 }]))
  const control = Transfer.create('send', CALLS, plan)
  const seen: Progress[] = []
  const reading = (async () => {
    for await (const progress of control.transfer) {
      seen.push(progress)
      if (seen.length === 1) queueMicrotask(() => control.move('connecting'))
      if (seen.length === 2) {
        queueMicrotask(() => {
          plan.want(1)
          Array.from(plan.take(0, 7))
          control.complete(RESULT)
        })
      }
    }
  })()
  await reading
  t.is(seen.at(-1)!.bytes, 7)
  t.true(seen.length >= 3)
})

test('progress is told ten times a second at most, and at the end', (t) => {
  const control = Transfer.create('send', CALLS)
  let told = 0
  control.transfer.on('progress', () => {
    told += 1
  })
  for (let i = 0; i < 1000; i++) control.advance()
  t.true(told >= 1 && told < 20)
  const before = told
  control.complete(RESULT)
  t.is(told, before + 1)
})

test('cancelling a transfer that is over does nothing', async (t) => {
  let cancelled = 0
  const cancel = async () => {
    cancelled += 1
  }
  const control = Transfer.create('send', { ...CALLS, cancel })
  await control.transfer.cancel()
  t.is(cancelled, 1)
  control.complete(RESULT)
  await control.transfer.cancel('again')
  t.is(cancelled, 1)
})

test('what a listener throws is its own affair: the transfer goes on, and `finished` settles', async (t) => {
  const control = Transfer.create('send', CALLS)
  control.transfer.on('state', (state) => {
    throw new Error(`listener: ${state}`)
  })
  const thrown: unknown[] = []
  const { nextTick } = process
  t.teardown(() => {
    process.nextTick = nextTick
  })
  process.nextTick = (callback: () => void) => thrown.push(t.throws(callback))
  control.move('connecting')
  control.complete(RESULT)
  process.nextTick = nextTick
  t.is(await control.transfer.finished, RESULT)
  t.deepEqual(
    thrown.map((error) => (error as Error).message),
    ['listener: connecting', 'listener: completed'],
  )
})

test('a listener that pauses at once is heard, and every listener hears of the states in their order', (t) => {
  const pause = () => control.move('paused')
  const control = Transfer.create('send', { ...CALLS, pause })
  const { transfer } = control
  const seen: string[] = []
  transfer.on('state', (state) => state === 'sending' && transfer.pause())
  transfer.on('state', (state) => seen.push(state))
  for (const state of ['connecting', 'offered', 'sending'] as const) control.move(state)
  t.deepEqual(seen, ['connecting', 'offered', 'sending', 'paused'])
})
