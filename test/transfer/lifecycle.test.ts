import test from 'ava'
import fc from 'fast-check'
import { SluiceError } from '../../lib/errors.js'
import { nextState, stateOfError, type TransferState } from '../../lib/transfer/lifecycle.js'

const ALL: TransferState[] = [
  'preparing',
  'connecting',
  'offered',
  'sending',
  'receiving',
  'paused',
  'completed',
  'rejected',
  'cancelled',
  'interrupted',
  'failed',
]

const ENDS: readonly TransferState[] = ['completed', 'rejected', 'cancelled', 'interrupted', 'failed']

test('a transfer goes its way from preparing to completed, on either side, also when its connection is lost', (t) => {
  for (const moving of ['sending', 'receiving'] as const) {
    let state: TransferState = 'preparing'
    const way = ['connecting', 'offered', moving] as const
    for (const next of [...way, 'interrupted', ...way, 'completed'] as const) state = nextState(state, next)
    t.is(state, 'completed')
  }
})

test('nothing follows an end but another connection, and every other state can become each end', (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...ALL), fc.constantFrom(...ALL), (from, to) => {
      const allowed = (() => {
        try {
          return nextState(from, to) === to
        } catch (error) {
          t.like(error, { code: 'ERR_STATE' })
          return false
        }
      })()
      if (from === 'interrupted') return allowed === (to === 'connecting' || ENDS.includes(to))
      if (ENDS.includes(from)) return !allowed
      if (ENDS.includes(to)) return allowed
      // never backward, but from a pause to what it was before
      const isBack = from === 'paused' && (to === 'sending' || to === 'receiving')
      return !allowed || isBack || ALL.indexOf(to) > ALL.indexOf(from)
    }),
  )
})

test('an error leads to the state that says what to do about it', (t) => {
  const state = (code: ConstructorParameters<typeof SluiceError>[0]) =>
    stateOfError(new SluiceError(code, ''))
  t.is(state('ERR_REJECTED'), 'rejected')
  t.is(state('ERR_CANCELLED'), 'cancelled')
  for (const code of ['ERR_INTERRUPTED', 'ERR_TRUNCATED', 'ERR_TIMEOUT'] as const)
    t.is(state(code), 'interrupted')
  for (const code of ['ERR_DIGEST', 'ERR_PROTOCOL', 'ERR_DISK_FULL'] as const) t.is(state(code), 'failed')
})
