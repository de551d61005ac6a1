import type { NetworkInterfaceInfo } from 'node:os'
import test from 'ava'
import { localAddresses } from '../../lib/peers/addresses.js'

const one = (address: string, internal = false): NetworkInterfaceInfo => {
  const common = { address, internal, netmask: '', mac: '', cidr: null }
  return address.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' }
}

test('addresses for everywhere come first, then those of private networks; link-local ones are left out', (t) => {
  const interfaces = {
    lo: [one('127.0.0.1', true), one('::1', true)],
    wlan0: [one('192.168.1.20'), one('fe80::1'), one('2001:db8::20'), one('fd00::2')],
    eth0: [one('169.254.3.4'), one('203.0.113.9'), one('10.1.2.3'), one('100.64.0.1'), one('172.31.0.1')],
    none: undefined,
  }
  t.deepEqual(localAddresses(7000, interfaces), [
    '[2001:db8::20]:7000',
    '203.0.113.9:7000',
    '192.168.1.20:7000',
    '[fd00::2]:7000',
    '10.1.2.3:7000',
    '100.64.0.1:7000',
    '172.31.0.1:7000',
  ])
})

test('a machine without a network has its loopback', (t) => {
  const interfaces = { lo: [one('127.0.0.1', true), one('::1', true)], eth0: [one('fe80::1')] }
  t.deepEqual(localAddresses(1, interfaces), ['127.0.0.1:1', '[::1]:1'])
  t.deepEqual(localAddresses(1, {}), [])
})

test('there are no more addresses than a ticket takes, and each once', (t) => {
  const many = Array.from({ length: 40 }, (_, i) => one(`10.0.0.${i}`))
  t.is(localAddresses(1, { many }).length, 16)
  t.deepEqual(localAddresses(1, { a: [one('10.0.0.1')], b: [one('10.0.0.1')] }), ['10.0.0.1:1'])
  // what this very machine has
  for (const address of localAddresses(7000)) t.regex(address, /:7000$/)
})
