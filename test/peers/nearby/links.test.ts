import test from 'ava'
import type { Link, OpenLink } from '../../../lib/peers/nearby/link.js'
import { type Interfaces, Links, linkAddresses } from '../../../lib/peers/nearby/links.js'
import { interfaceWith } from '../../helpers/nearby.js'

/** A system on which links open, but for those addresses that it refuses. */
function system(refused: Record<string, string> = {}) {
  const open = new Set<string>()
  const sent: string[] = []
  const openIt: OpenLink = async (address): Promise<Link> => {
    if (refused[address]) throw Object.assign(new Error(), { code: refused[address] })
    open.add(address)
    return {
      address,
      send: async () => {
        if (refused.send) throw Object.assign(new Error(), { code: refused.send })
        sent.push(address)
      },
      close: () => void open.delete(address),
    }
  }
  return { open, sent, options: { open: openIt, onPacket: () => {} } }
}

test('each interface but the loopback has one address of each family, of IPv6 that of its network', (t) => {
  const interfaces = {
    lo: interfaceWith('127.0.0.1', '::1'),
    eth0: interfaceWith('10.0.0.1', '10.0.0.2', 'fd00::1', 'fe80::1'),
    wlan0: interfaceWith('192.168.0.1'),
    veth0: interfaceWith('fe80::2'),
  }
  const any = ['10.0.0.1', 'fe80::1%eth0', '192.168.0.1', 'fe80::2%veth0']
  t.deepEqual(
    linkAddresses(interfaces, () => true),
    any,
  )
  t.deepEqual(
    linkAddresses(interfaces, (address) => address === '10.0.0.2'),
    ['10.0.0.2'],
  )
})

test('however many interfaces there are, there are 32 links at most', (t) => {
  const many = Array.from({ length: 100 }, (_, at) => [`veth${at}`, interfaceWith(`10.0.0.${at}`)])
  t.is(linkAddresses(Object.fromEntries(many), () => true).length, 32)
})

test('a network that is joined is taken in, and one that is left is let go', async (t) => {
  const { open, sent, options } = system()
  let now: Interfaces = { eth0: interfaceWith('10.0.0.1') }
  const links = new Links({ ...options, interfaces: () => now })
  await links.update()
  await links.update()
  t.deepEqual([...open], ['10.0.0.1'])
  now = { eth0: interfaceWith('10.0.0.1'), wlan0: interfaceWith('192.168.0.1') }
  await links.update()
  t.deepEqual([...open], ['10.0.0.1', '192.168.0.1'])
  now = { wlan0: interfaceWith('192.168.0.1') }
  await links.update()
  await links.send(Buffer.of(1))
  t.deepEqual(sent, ['192.168.0.1'])
  links.close()
  t.is(open.size, 0)
})

test('one that the system refuses does not matter while there are others; without any it is said what to do', async (t) => {
  const interfaces = () => ({ eth0: interfaceWith('10.0.0.1'), eth1: interfaceWith('10.0.1.1') })
  const some = system({ '10.0.0.1': 'EADDRNOTAVAIL' })
  const links = new Links({ ...some.options, interfaces })
  await links.update()
  t.deepEqual([...some.open], ['10.0.1.1'])
  links.close()
  const none = system({ '10.0.0.1': 'EADDRNOTAVAIL', '10.0.1.1': 'EADDRNOTAVAIL' })
  const refused = {
    code: 'ERR_UNREACHABLE',
    message: /refuses multicast \(EADDRNOTAVAIL\), or go by addresses/,
  }
  await t.throwsAsync(new Links({ ...none.options, interfaces }).update(), refused)
  const alone = { code: 'ERR_UNREACHABLE', message: /there is none in which it can be found.*join one/ }
  const lo = { lo: interfaceWith('127.0.0.1') }
  await t.throwsAsync(new Links({ ...none.options, interfaces: () => lo }).update(), alone)
})

test('what goes out nowhere is an error', async (t) => {
  const { options } = system({ send: 'EPERM' })
  const links = new Links({ ...options, interfaces: () => ({ eth0: interfaceWith('10.0.0.1') }) })
  await links.update()
  await t.throwsAsync(links.send(Buffer.of(1)), { code: 'ERR_UNREACHABLE', message: /\(EPERM\)/ })
  links.close()
})

test('one that opens when all is closed is closed', async (t) => {
  const { open, options } = system()
  const links = new Links({ ...options, interfaces: () => ({ eth0: interfaceWith('10.0.0.1') }) })
  const updated = links.update()
  links.close()
  await updated
  t.is(open.size, 0)
})
