import test from 'ava'
import fc from 'fast-check'
import { Gate } from '../../lib/peers/gate.js'
import { FakeClock } from '../../lib/testing/index.js'

const nothing = () => {}

test('the handshake that takes longest makes room for one that comes, of the same address first', (t) => {
  const gate = new Gate({ atOnce: 3, perAddress: 2, clock: new FakeClock() })
  const dropped: string[] = []
  const come = (name: string, address: string) => gate.take(address, () => dropped.push(name))
  come('a1', '10.0.0.1')
  come('b1', '10.0.0.2')
  come('b2', '10.0.0.2')
  t.deepEqual(dropped, [])
  come('b3', '10.0.0.2')
  t.deepEqual(dropped, ['b1'])
  come('c1', '10.0.0.3')
  t.deepEqual(dropped, ['b1', 'a1'])
  t.is(gate.size, 3)
})

test('whoever is through takes no room, and is dropped by nobody', (t) => {
  const gate = new Gate({ atOnce: 1, clock: new FakeClock() })
  const release = gate.take('10.0.0.1', () => t.fail())!
  release()
  release()
  t.is(gate.size, 0)
  t.truthy(gate.take('10.0.0.1', nothing))
})

test('an address has so many attempts in a minute, which come back with time', (t) => {
  const clock = new FakeClock()
  const gate = new Gate({ perMinute: 6, clock })
  const come = (address: string) => {
    const release = gate.take(address, nothing)
    release?.()
    return release !== undefined
  }
  for (let at = 0; at < 6; at++) t.true(come('10.0.0.1'))
  t.false(come('10.0.0.1'))
  t.false(come('::ffff:10.0.0.1'), 'the same address, as a socket for both families says it')
  t.true(come('10.0.0.2'))
  clock.advance(10_000)
  t.true(come('10.0.0.1'))
  t.false(come('10.0.0.1'))
  clock.advance(600_000)
  for (let at = 0; at < 6; at++) t.true(come('10.0.0.1'))
  t.false(come('10.0.0.1'))
})

test('of IPv6 a whole network is one address', (t) => {
  const gate = new Gate({ perMinute: 1, clock: new FakeClock() })
  t.truthy(gate.take('2001:db8::1', nothing))
  for (const same of ['2001:db8::2', '2001:0db8:0:0:ffff::', '2001:DB8:0:0:1:2:3:4', '2001:db8::1%eth0'])
    t.is(gate.take(same, nothing), undefined, same)
  for (const other of ['2001:db8:0:1::1', '2001:db8:1::', '::1', 'fe80::1%eth0'])
    t.truthy(gate.take(other, nothing), other)
})

test('never are there more than allowed, whatever comes and goes', (t) => {
  const address = fc.integer({ min: 0, max: 5 }).map((number) => `10.0.0.${number}`)
  const steps = fc.array(fc.oneof(fc.record({ come: address }), fc.record({ go: fc.nat(30) })), {
    maxLength: 100,
    size: 'max',
  })
  const run = fc.property(steps, (all) => {
    const gate = new Gate({ atOnce: 6, perAddress: 3, clock: new FakeClock() })
    const inside: { address: string; release: () => void }[] = []
    const leave = (guest: (typeof inside)[number]) => inside.splice(inside.indexOf(guest), 1)
    for (const step of all) {
      if ('go' in step) {
        const guest = inside[step.go]
        if (!guest) continue
        guest.release()
        leave(guest)
      } else {
        const guest = { address: step.come, release: nothing as () => void }
        const release = gate.take(step.come, () => leave(guest))
        guest.release = release!
        inside.push(guest)
      }
      t.is(gate.size, inside.length)
      t.true(inside.length <= 6)
      for (const one of inside) t.true(inside.filter(({ address }) => address === one.address).length <= 3)
    }
  })
  fc.assert(run)
})

test('a bad option is named', (t) => {
  t.throws(() => new Gate({ atOnce: 0 }), { code: 'ERR_USAGE', message: /^atOnce/ })
  t.throws(() => new Gate({ most: 1 } as object), { code: 'ERR_USAGE' })
})
