import test from 'ava'
import { SluiceError } from '../../../lib/errors.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Heartbeat } from '../../../lib/transfer/watch/heartbeat.js'
import { limitsOf } from '../../../lib/wire/limits.js'

/** A heartbeat, what it did and when, and the clock by which it does that. */
function watched(limits = {}) {
  const clock = new FakeClock()
  const done: string[] = []
  const silences: string[] = []
  const peer = { listening: true, frames: 0 }
  const heartbeat = new Heartbeat(
    clock,
    limitsOf({ handshakeTimeout: 100, idleTimeout: 60, pingInterval: 15, ...limits }),
    {
      ping: () => done.push(`ping at ${clock.now()}`),
      isListening: () => peer.listening,
      frames: () => peer.frames,
      looked: () => {},
      silent: (isSilent) => silences.push(`${isSilent ? 'silent' : 'heard'} at ${clock.now()}`),
      timedOut: (error) => done.push(`${error.code} at ${clock.now()}: ${error.message}`),
    },
  )
  heartbeat.start()
  /** Lets time pass, millisecond by millisecond; `each` says what happens in each. */
  const pass = (ms: number, each = () => {}) => {
    for (let i = 0; i < ms; i++) {
      clock.advance(1)
      each()
    }
  }
  /** The peer says a small frame. */
  const hear = () => {
    peer.frames++
    heartbeat.heard(6)
  }
  return { clock, done, silences, peer, heartbeat, pass, hear }
}

test('a handshake that does not end in time is given up, however much is said', (t) => {
  const { clock, done, heartbeat, pass, hear } = watched()
  pass(200, () => {
    hear()
    heartbeat.said()
  })
  t.deepEqual(done, ['ERR_TIMEOUT at 100: the handshake did not end for 100 ms'])
  t.is(clock.pending, 0)
})

test('after silence of our own a ping is sent, once an interval, and none while there is something to say', (t) => {
  const { done, heartbeat, pass, hear } = watched()
  heartbeat.greeted()
  pass(50, hear)
  t.deepEqual(done, ['ping at 15', 'ping at 30', 'ping at 45'])
  pass(200, () => {
    hear()
    heartbeat.said()
  })
  t.is(done.length, 3)
  pass(15, hear)
  t.is(done.at(-1), 'ping at 265')
})

test('a silent peer is given up after the idle time, and never again', (t) => {
  const { clock, done, heartbeat, pass, hear } = watched({ pingInterval: 1000 })
  heartbeat.greeted()
  pass(40)
  hear()
  pass(59)
  t.deepEqual(done, [])
  pass(100)
  t.deepEqual(done, ['ERR_TIMEOUT at 100: the peer was silent for 60 ms'])
  t.is(clock.pending, 0)
})

test('bytes that make no frame are no sign of life, unless there are many', (t) => {
  const { clock, done, heartbeat, pass, hear } = watched()
  heartbeat.greeted()
  heartbeat.said = () => {}
  // a long frame comes slowly
  pass(200, () => heartbeat.heard(20))
  pass(1, hear)
  t.false(done.some((what) => what.startsWith('ERR')))
  pass(100, () => heartbeat.heard(1))
  // what it said last is known to within a ping
  t.regex(
    done.at(-1)!,
    /^ERR_TIMEOUT at 2(6[1-9]|7[0-6]): the peer said nothing that could be understood for 60 ms$/,
  )
  t.is(clock.pending, 0)
})

test('a peer that is not listened to is not silent', (t) => {
  const { done, heartbeat, peer, pass } = watched({ pingInterval: 1000 })
  heartbeat.greeted()
  peer.listening = false
  pass(500)
  t.deepEqual(done, [])
  peer.listening = true
  heartbeat.listening()
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
    frames: () => 0,
    looked: () => {},
    silent: () => {},
    timedOut: () => t.fail(),
  })
  own.start()
  clock.advance(1e6)
  t.is(clock.pending, 0)
})

test('the error of a peer that is given up is one of ours, told when the timers are gone', (t) => {
  const clock = new FakeClock()
  const told: unknown[] = []
  const heartbeat = new Heartbeat(clock, limitsOf({}), {
    ping: () => {},
    isListening: () => true,
    frames: () => 0,
    looked: () => {},
    silent: () => {},
    timedOut: (error) => told.push(error, clock.pending),
  })
  t.is(clock.pending, 0, 'no time runs before it is started')
  heartbeat.start()
  clock.advance(1e6)
  t.true(told[0] instanceof SluiceError)
  t.deepEqual(told.slice(1), [0])
})

test('a peer of which nothing comes for longer than its pings allow is silent, until it is understood again', (t) => {
  const { silences, heartbeat, pass, hear } = watched({ idleTimeout: 100 })
  heartbeat.greeted()
  pass(14)
  hear()
  // it is looked at when a ping goes out
  pass(19)
  t.deepEqual(silences, [])
  pass(1)
  t.deepEqual(silences, ['silent at 34'])
  pass(10)
  // bytes that may be noise
  heartbeat.heard(6)
  pass(2)
  t.deepEqual(silences, ['silent at 34'])
  hear()
  pass(1)
  t.deepEqual(silences, ['silent at 34', 'heard at 47'])
  pass(40, () => heartbeat.heard(100))
  t.is(silences.length, 2)
})

test('a peer that is not listened to is not silent, and who speaks all the time hears of a silence, too', (t) => {
  const { silences, peer, heartbeat, pass } = watched()
  heartbeat.greeted()
  peer.listening = false
  pass(40, () => heartbeat.said())
  t.deepEqual(silences, [])
  peer.listening = true
  heartbeat.listening()
  pass(25, () => heartbeat.said())
  t.deepEqual(silences, ['silent at 60'])
})
