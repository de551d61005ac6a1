import type { NetworkInterfaceInfo } from 'node:os'
import test from 'ava'
import fc from 'fast-check'
import {
  isHostAndPort,
  parseAddress,
  reachableHosts,
  schemeOf,
  showAddress,
} from '../../../lib/peers/connectors/address.js'
import type { Connector } from '../../../lib/peers/connectors/connector.js'
import { connectorFor } from '../../../lib/peers/connectors/connector-for.js'

test('addresses are HOST:PORT, with brackets for IPv6', (t) => {
  t.deepEqual(parseAddress('127.0.0.1:80'), { host: '127.0.0.1', port: 80 })
  t.deepEqual(parseAddress('[::1]:0'), { host: '::1', port: 0 })
  t.is(showAddress({ host: '::1', port: 5 }), '[::1]:5')
  for (const wrong of ['', 'x', ':80', '1.2.3.4', '::1:80', 'a:b', 'a:65536', 'a:80:90', 'a/b:80']) {
    t.throws(() => parseAddress(wrong), { code: 'ERR_USAGE' }, wrong)
  }
})

test('an address that is shown is parsed as it was', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
      fc.integer({ min: 0, max: 65535 }),
      (host, port) => {
        const text = showAddress({ host, port })
        t.deepEqual(parseAddress(text), { host, port })
        t.true(isHostAndPort(text))
      },
    ),
  )
})

test('no text but an address is one, and none breaks the parser', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (isHostAndPort(text)) t.regex(text, /:\d+$/)
      else t.throws(() => parseAddress(text), { code: 'ERR_USAGE' })
    }),
  )
})

test('the connector is chosen by the form of the address', (t) => {
  const same = (...addresses: string[]) =>
    t.is(new Set(addresses.map((address) => connectorFor(address))).size, 1, addresses.join(' '))
  same('1.2.3.4:5', '[::1]:5', 'tcp:host:5', 'TCP:[::1]:5', 'host:99999', '*:0')
  same('unix:/a', 'unix:5', 'UNIX:a b')
  same('ws://a', 'wss://a:5/b', 'WS://[::1]/')
  t.not(connectorFor('unix:5'), connectorFor('tcp:5'))
  t.is(schemeOf('host:5'), undefined)
  for (const wrong of ['', 'host', 'http://a', 'ws:/a', '::1:80', 'ssh host sluice'])
    t.throws(
      () => connectorFor(wrong),
      { code: 'ERR_USAGE', message: /is not an address; write HOST:PORT/ },
      wrong,
    )
})

test("one's own connectors come first, and are checked", (t) => {
  const own: Connector = {
    takes: (address) => address.startsWith('key:') || address === 'ws://mine',
    connect: () => Promise.reject(new Error('never')),
  }
  t.is(connectorFor('key:abc', [own]), own)
  t.is(connectorFor('ws://mine', [own]), own)
  t.is(connectorFor('ws://other', [own]), connectorFor('ws://other'))
  const wrong = (connectors: unknown) => () => connectorFor('a:1', connectors as Connector[])
  t.throws(wrong(own), { code: 'ERR_USAGE', message: /connectors must be a list of connectors/ })
  t.throws(wrong([{ connect: own.connect }]), { code: 'ERR_USAGE', message: /takes of a connector/ })
  t.throws(wrong([{ ...own, listne: () => {} }]), { code: 'ERR_USAGE', message: /did you mean listen/ })
})

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
  t.deepEqual(reachableHosts('::', interfaces), [
    '2001:db8::20',
    '203.0.113.9',
    '192.168.1.20',
    'fd00::2',
    '10.1.2.3',
    '100.64.0.1',
    '172.31.0.1',
  ])
})

test('a machine without a network has its loopback', (t) => {
  const interfaces = { lo: [one('127.0.0.1', true), one('::1', true)], eth0: [one('fe80::1')] }
  t.deepEqual(reachableHosts('::', interfaces), ['127.0.0.1', '::1'])
  t.deepEqual(reachableHosts('::', {}), [])
})

test('each address is there once', (t) => {
  t.deepEqual(reachableHosts('::', { a: [one('10.0.0.1')], b: [one('10.0.0.1')] }), ['10.0.0.1'])
  // what this very machine has
  t.true(reachableHosts('::').length > 0)
})

test('what listens at one address is reached there; at all of one family, at those of that', (t) => {
  const eth = [one('10.1.1.1'), one('2001:db8::1')]
  t.deepEqual(reachableHosts('0.0.0.0', { eth }), ['10.1.1.1'])
  t.deepEqual(reachableHosts('10.9.9.9', { eth }), ['10.9.9.9'])
})
