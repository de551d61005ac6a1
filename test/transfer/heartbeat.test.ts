import test from 'ava'
import { SluiceError } from '../../lib/errors.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'
import { Heartbeat } from '../../lib/transfer/heartbeat.js'
import { limitsOf } from '../../lib/wire/limits.js'

/** A heartbeat, what it did and when, and the clock by which it does that. */
function watched(limits = {}) {
  const clock = new FakeClock()
  const done: string[] = []
  const peer = { listening: true }
  const heartbeat = new Heartbeat(
    clock,
    limitsOf({ handshakeTimeout: 100, idleTimeout: 60, pingInterval: 15, ...limits }),
    {
      ping: () => done.push(`ping at ${clock.now()}`),
      isListening: () => peer.listening,
      timedOut: (error) => done.push(`${error.code} at ${clock.now()}: ${error.message}`),
    },
  )
  /** Lets time pass, millisecond by millisecond; `each` says what happens in each. */
  const pass = (ms: number, each = () => {}) => {
    for (let i = 0; i < ms; i++) {
      clock.advance(1)
      each()
    }
  }
  return { clock, done, peer, heartbeat, pass }
}

test('a handshake that does not end in time is given up, however much is said', (t) => {
  const { clock, done, heartbeat, pass } = watched()
  pass(200, () => {
    heartbeat.heard()
    heartbeat.said()
  })
  t.deepEqual(done, ['ERR_TIMEOUT at 100: the handshake did not end for 100 ms'])
  t.is(clock.pending, 0)
})

test('after silence of our own a ping is sent, once an interval, and none while there is something to say', (t) => {
  const { done, heartbeat, pass } = watched()
  heartbeat.greeted()
  pass(50, heartbeat.heard.bind(heartbeat))
  t.deepEqual(done, ['ping at 15', 'ping at 30', 'ping at 45'])
  pass(200, () => {
    heartbeat.heard()
    heartbeat.said()
  })
  t.is(done.length, 3)
  pass(15, heartbeat.heard.bind(heartbeat))
  t.is(done.at(-1), 'ping at 265')
})

test('a silent peer is given up after the idle time, and never again', (t) => {
  const { clock, done, heartbeat, pass } = watched({ pingInterval: 1000 })
  heartbeat.greeted()
  pass(40)
  heartbeat.heard()
  pass(59)
  t.deepEqual(done, [])
  pass(100)
  t.deepEqual(done, ['ERR_TIMEOUT at 100: the peer was silent for 60 ms'])
  t.is(clock.pending, 0)
})

test('a peer that is not listened to is not silent', (t) => {
  const { done, heartbeat, peer, pass } = watched({ pingInterval: 1000 })
  heartbeat.greeted()
  peer.listening = false
  pass(500)
  t.deepEqual(done, [])
  peer.listening = true
  heartbeat.heard()
  pass(59)
  t.deepEqual(done, [])
  pass(1)
  t.is(done.length, 1)
})

test('one that is stopped leaves no timer, also when a ping stops it', (t) => {
  const { clock, heartbeat } = watched()
  t.is(clock.pending, 2)
  heartbeat.stop()
  t.is(clock.pending, 0)

  const own: Heartbeat = new Heartbeat(clock, limitsOf({ pingInterval: 15 }), {
    ping: () => own.stop(),
    isListening: () => true,
    timedOut: () => t.fail(),
  })
  clock.advance(1e6)
  t.is(clock.pending, 0)
})

test('the error of a peer that is given up is one of ours, told when the timers are gone', (t) => {
  const clock = new FakeClock()
  const told: unknown[] = []
  new Heartbeat(clock, limitsOf({}), {
    ping: () => {},
    isListening: () => true,
    timedOut: (error) => told.push(error, clock.pending),
  })
  clock.advance(1e6)
  t.true(told[0] instanceof SluiceError)
  t.deepEqual(told.slice(1), [0])
})
