// Each connector carries transfers, also one that breaks in the middle and goes on over the next connection.
import { join } from 'node:path'
import { type Duplex, Transform } from 'node:stream'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { send, Transfers, type WireStage } from '../../../lib/index.js'
import { command } from '../../../lib/peers/connectors/command.js'
import type { Connector } from '../../../lib/peers/connectors/connector.js'
import { tcp } from '../../../lib/peers/connectors/tcp.js'
import { unix } from '../../../lib/peers/connectors/unix.js'
import { websocket } from '../../../lib/peers/connectors/websocket.js'
import { randomContent } from '../../../lib/testing/index.js'
import { listing, plant, temporary } from '../../helpers/folders.js'

const STDIO_CHILD = fileURLToPath(new URL('../../helpers/stdio-child.js', import.meta.url))
const PEER_CHILD = fileURLToPath(new URL('../../helpers/peer-child.js', import.meta.url))

const TREE = {
  'photos/a.jpg': randomContent(3_000_000, 1),
  'photos/deep/b.jpg': randomContent(700_000, 2),
  'photos/empty': '',
  'photos/none': null,
  ...Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`photos/many/${index}`, `file ${index}`])),
}

interface Kind {
  connector: Connector
  listen?: NonNullable<Connector['listen']>
  address(dir: string): string
}
const KINDS: Record<string, Kind> = {
  tcp: { connector: tcp(), address: () => '127.0.0.1:0' },
  unix: { connector: unix(), address: (dir) => `unix:${join(dir, 'socket')}` },
  websocket: { connector: websocket(), address: () => 'ws://127.0.0.1:0/files' },
  command: {
    connector: {
      takes: () => true,
      connect: (address, options) =>
        command([process.execPath, STDIO_CHILD, address]).connect(address, options),
    },
    listen: tcp().listen!,
    address: () => '127.0.0.1:0',
  },
}

/** Lets so many bytes pass, and then calls back. */
function after(bytes: number, callback: () => void): WireStage {
  let left = bytes
  return {
    outgoing: () =>
      new Transform({
        transform(chunk: Buffer, _encoding, done) {
          left -= chunk.length
          done(null, chunk)
          if (left < 0) callback()
        },
      }),
  }
}

async function scene(t: ExecutionContext<unknown>, { connector, listen, address }: Kind) {
  const source = await plant(await temporary(t), TREE)
  const dir = await temporary(t)
  const transfers = new Transfers({ receive: () => ({ dir, accept: 'all' }) })
  const begin = listen ?? connector.listen!.bind(connector)
  const listening = await begin(address(await temporary(t)), {
    onConnection: (duplex) => void transfers.handle(duplex),
  })
  t.teardown(() => listening.close())
  const [where] = listening.addresses
  const equal = async () => t.deepEqual(await listing(dir), await listing(source))
  return { photos: join(source, 'photos'), equal, connect: () => connector.connect(where!) }
}

for (const [name, kind] of Object.entries(KINDS)) {
  test(`a transfer goes over ${name}`, async (t) => {
    const { photos, equal, connect } = await scene(t, kind)
    const { files } = await send(await connect(), [photos]).finished
    t.true(files.every(({ status }) => status === 'published'))
    await equal()
  })

  test(`a transfer that is cut over ${name} goes on over the next connection`, async (t) => {
    const { photos, equal, connect } = await scene(t, kind)
    const made: Duplex[] = []
    const once = async () => {
      const duplex = await connect()
      made.push(duplex)
      return duplex
    }
    const cut = after(1_000_000, () => made.length === 1 && made[0]!.destroy())
    const states: string[] = []
    const transfer = send(once, [photos], { stages: { wire: [cut] }, retry: { pause: 1 } })
    transfer.on('state', (state) => states.push(state))
    const { files } = await transfer.finished
    t.is(made.length, 2)
    t.true(states.includes('interrupted'), states.join(' '))
    // what has its name already is there when it is offered again
    t.true(files.every(({ status }) => status !== 'failed'))
    await equal()
  })
}

test('a folder goes to the standard input of a program', async (t) => {
  const source = await plant(await temporary(t), TREE)
  const dir = await temporary(t)
  const lines: string[] = []
  const connector = command([process.execPath, PEER_CHILD, dir], { onLine: (line) => lines.push(line) })
  const duplex = await connector.connect('')
  await send(duplex, [join(source, 'photos')]).finished
  if (!duplex.closed) await new Promise((resolve) => duplex.once('close', resolve))
  t.deepEqual(await listing(dir), await listing(source))
  t.deepEqual(lines, ['received 107'])
})

test('and over the pipes of a shell', async (t) => {
  const source = await plant(await temporary(t), TREE)
  const dir = await temporary(t)
  const words = ['sh', '-c', 'cat | "$0" "$1" "$2" | cat', process.execPath, PEER_CHILD, dir]
  const duplex = await command(words, { onLine: () => {} }).connect('')
  await send(duplex, [join(source, 'photos')]).finished
  if (!duplex.closed) await new Promise((resolve) => duplex.once('close', resolve))
  t.deepEqual(await listing(dir), await listing(source))
})
