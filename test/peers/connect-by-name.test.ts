// Known peers by their names: two identities, each with a home, over loopback.
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { deferred } from '../../lib/async.js'
import { type ReceiveOptions, SluiceError, type TransferState, Transfers } from '../../lib/index.js'
import { connectByName } from '../../lib/peers/connect.js'
import { identity } from '../../lib/peers/identity.js'
import { sameKey } from '../../lib/peers/keys.js'
import { KnownPeers } from '../../lib/peers/known-peers.js'
import { listen } from '../../lib/peers/listen.js'
import type { SecureDuplex } from '../../lib/peers/secure.js'
import { randomContent } from '../../lib/testing/index.js'
import { listing, plant, temporary } from '../helpers/folders.js'

/** Anna, who listens for Bob; he knows her by name, and sends. */
async function scene(t: ExecutionContext, receiving: Partial<ReceiveOptions> = {}) {
  const [annas, bobs, dir, source] = await Promise.all([1, 2, 3, 4].map(() => temporary(t)))
  const [anna, bob] = await Promise.all([identity({ home: annas! }), identity({ home: bobs! })])
  await plant(source!, { 'photos/a.jpg': randomContent(3_000_000), 'photos/b.txt': 'b', 'notes.txt': 'c' })
  const receiver = new Transfers({ receive: () => ({ dir: dir!, accept: 'all', ...receiving }) })
  const guests: SecureDuplex[] = []
  const listening = await listen({
    identity: anna,
    addresses: ['127.0.0.1:0'],
    admit: ({ key }) => sameKey(key, bob.publicKey),
    onConnection: (duplex) => {
      guests.push(duplex)
      receiver.handle(duplex, { peer: 'bob' }).catch(() => {})
    },
  })
  const peers = new KnownPeers({ home: bobs! })
  await peers.add({ name: 'anna', key: anna.publicKey, addresses: listening.addresses })
  const transfers = new Transfers({
    receive: () => ({ dir: dir!, accept: () => false }),
    connect: connectByName({ identity: bob, peers }),
  })
  t.teardown(async () => {
    await Promise.all([transfers.cancelAll(), receiver.cancelAll(), listening.close()])
    for (const guest of guests) guest.destroy()
  })
  const paths = { photos: join(source!, 'photos'), notes: join(source!, 'notes.txt') }
  const equal = async () => t.deepEqual(await listing(dir!), await listing(source!))
  return { transfers, peers, listening, guests, bob, paths, equal }
}

test('a known peer is sent to by its name, over one connection, also what is sent meanwhile', async (t) => {
  const { transfers, paths, guests, equal } = await scene(t)
  const [one, other] = await Promise.all([
    transfers.send('anna', [paths.photos]),
    transfers.send('anna', [paths.notes]),
  ])
  await Promise.all([one.finished, other.finished])
  t.true(guests.length === 1 || one !== other)
  await equal()
})

test('where the connection is lost, the transfer goes on over another one to the peer', async (t) => {
  const { transfers, paths, guests, equal } = await scene(t)
  const states: TransferState[] = []
  transfers.on('state', (_transfer, state) => states.push(state))
  const transfer = await transfers.send('anna', [paths.photos, paths.notes], { retry: { pause: 0 } })
  guests[0]!.destroy()
  await transfer.finished
  t.true(states.includes('interrupted'))
  t.is(guests.length, 2)
  await equal()
})

test('a rejection, a peer with another key, one that is away, and one that nobody knows, are told apart by code', async (t) => {
  const { transfers, peers, listening, bob, paths } = await scene(t, { accept: () => false })
  await t.throwsAsync(transfers.send('anna', [paths.notes]), { code: 'ERR_REJECTED' })
  await peers.add({ name: 'eve', key: bob.publicKey, addresses: listening.addresses })
  await t.throwsAsync(transfers.send('eve', [paths.notes]), { code: 'ERR_IDENTITY' })
  await listening.close()
  await t.throwsAsync(transfers.send('anna', [paths.notes]), { code: 'ERR_UNREACHABLE' })
  await peers.add({ name: 'anna', key: (await peers.get('anna')).key, addresses: [] })
  await t.throwsAsync(transfers.send('anna', [paths.notes]), {
    code: 'ERR_UNREACHABLE',
    message: /no address/,
  })
  await t.throwsAsync(transfers.send('carl', [paths.notes]), { code: 'ERR_USAGE', message: /anna.*eve/ })
  t.deepEqual(
    transfers.history.map(({ peer, state, error }) => [peer, state, error?.code]),
    [
      ['anna', 'rejected', 'ERR_REJECTED'],
      ['eve', 'failed', 'ERR_IDENTITY'],
      ['anna', 'failed', 'ERR_UNREACHABLE'],
      ['anna', 'failed', 'ERR_UNREACHABLE'],
      ['carl', 'failed', 'ERR_USAGE'],
    ],
  )
})

test('a peer is looked for first where it was reached last; where that cannot be noted, it is told', async (t) => {
  const { peers, listening, bob, paths } = await scene(t)
  const [address] = listening.addresses
  const nowhere = '127.0.0.1:1'
  await peers.add({ name: 'anna', key: (await peers.get('anna')).key, addresses: [nowhere, address!] })
  for (const failure of [undefined, new SluiceError('ERR_READ_ONLY', 'the disk')]) {
    const noted = deferred<void>()
    const told = deferred<SluiceError>()
    class Watched extends KnownPeers {
      override get(name: string) {
        return peers.get(name)
      }
      override async reached(key: Uint8Array, at: string) {
        if (failure) throw failure
        await peers.reached(key, at)
        noted.resolve()
      }
    }
    const connect = connectByName({ identity: bob, peers: new Watched(), onWarning: told.resolve })
    const transfers = new Transfers({ receive: () => ({ dir: '/nowhere', accept: () => false }), connect })
    await (await transfers.send('anna', [paths.notes])).finished
    if (failure) t.is(await told.promise, failure)
    else await noted.promise
    t.deepEqual((await peers.get('anna')).addresses, [address, nowhere])
  }
})
