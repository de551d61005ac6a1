import test from 'ava'
import { reachOf } from '../../../lib/peers/nearby/reach.js'
import { interfaceWith } from '../../helpers/nearby.js'

const TWO = {
  lo: interfaceWith('127.0.0.1', '::1'),
  eth0: interfaceWith('10.0.0.1', 'fd00::1', 'fe80::1'),
  eth1: interfaceWith('10.1.0.1'),
}

test('one that listens at all addresses is reached at all, also at those that its own do not name', (t) => {
  const { port, isAt } = reachOf(['10.0.0.1:7000', '10.1.0.1:7000', '[fd00::1]:7000'], TWO)
  t.is(port, 7000)
  for (const address of ['10.0.0.1', '10.1.0.1', 'fe80::1%eth0', '169.254.1.1'])
    t.true(isAt(address), address)
})

test('one that listens at one address is reached there, and nowhere else', (t) => {
  const { isAt } = reachOf(['10.1.0.1:7000'], TWO)
  t.true(isAt('10.1.0.1'))
  for (const address of ['10.0.0.1', 'fe80::1%eth0', '169.254.1.1']) t.false(isAt(address), address)
})

test('one of IPv4 alone is not reached by IPv6', (t) => {
  const { isAt } = reachOf(['tcp:10.0.0.1:7000', '10.1.0.1:7000'], TWO)
  t.true(isAt('169.254.1.1'))
  t.false(isAt('fe80::1%eth0'))
})

test('where there are addresses of one network only, they count', (t) => {
  const cable = { lo: interfaceWith('127.0.0.1', '::1'), eth0: interfaceWith('169.254.1.1', 'fe80::1') }
  const { isAt } = reachOf(['127.0.0.1:7000', '[::1]:7000'], cable)
  t.true(isAt('169.254.1.1'))
  t.true(isAt('fe80::1%eth0'))
})

test('what has no port of TCP, or a name in its place, is found by nobody', (t) => {
  for (const address of ['unix:/tmp/x', 'ws://10.0.0.1:80/x', 'bob.example:7000'])
    t.throws(() => reachOf([address], TWO), { code: 'ERR_USAGE', message: /listen at HOST:PORT/ })
})
