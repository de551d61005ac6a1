// Each property of the suite, and a connector that lacks just that: the suite must say so.
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import test from 'ava'
import { SluiceError } from '../../../lib/errors.js'
import type { Connector, Listening, ListenOptions } from '../../../lib/peers/connectors/connector.js'
import {
  type ConnectorConformance,
  type ConnectorSample,
  connectorConformance,
  duplexPair,
} from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'
import { refuted } from '../../helpers/refuted.js'

const options: ConnectorConformance = { patience: 1000, many: 300_000, open: () => 0 }

type Accept = ListenOptions['onConnection']

/** A connector in memory, with all that a suite asks for. */
class Memory implements Connector {
  readonly listeners = new Map<string, Accept>()

  takes(address: string): boolean {
    return address.startsWith('memory:')
  }

  async connect(address: string, { signal }: { signal?: AbortSignal } = {}): Promise<Duplex> {
    signal?.throwIfAborted()
    await new Promise(setImmediate)
    signal?.throwIfAborted()
    const accept = this.listeners.get(address)
    if (!accept) throw new SluiceError('ERR_UNREACHABLE', `nobody listens at ${address}`)
    return this.connected(accept)
  }

  connected(accept: Accept): Duplex {
    const [near, far] = duplexPair()
    accept(far, {})
    return near
  }

  async listen(address: string, { signal, onConnection }: ListenOptions): Promise<Listening> {
    signal?.throwIfAborted()
    const close = async () => {
      this.listeners.delete(address)
    }
    this.listeners.set(address, onConnection)
    signal?.addEventListener('abort', close)
    return { addresses: [address], close }
  }
}

const sample = (connector: Connector): ConnectorSample => ({ connector, address: 'memory:1' })

conforms(
  'a connector in memory',
  connectorConformance(() => sample(new Memory()), options),
)

/** The suite for one of which a method is replaced. */
function spoilt(spoil: (memory: Memory) => Partial<Memory>, more: ConnectorConformance = {}) {
  return () =>
    connectorConformance(
      () => {
        const memory = new Memory()
        return sample(Object.assign(memory, spoil(memory)))
      },
      { ...options, ...more },
    )
}

/** The suite for one whose connections are replaced. */
const through = (change: (near: Duplex, far: Duplex) => Duplex | undefined, more?: ConnectorConformance) =>
  spoilt(
    () => ({
      connected(accept) {
        const [near, far] = duplexPair()
        const changed = change(near, far)
        accept(far, {})
        return changed ?? near
      },
    }),
    more,
  )

for (const first of ['dialler', 'listener'] as const) {
  refuted(
    `a connector whose bytes change on their way from the ${first}`,
    through((near, far) => {
      const from = first === 'dialler' ? near : far
      const write = from.write.bind(from) as (chunk: Buffer) => boolean
      from.write = ((chunk: Buffer) => write(Buffer.alloc(chunk.length))) as Duplex['write']
      return undefined
    }),
    `from the ${first}: what is written arrives`,
    /differ from byte 0/,
  )
  refuted(
    `a connector that takes from the ${first} more than anybody reads`,
    through(
      (near, far) => {
        const from = first === 'dialler' ? near : far
        const write = from.write.bind(from) as (chunk: Buffer) => boolean
        from.write = ((chunk: Buffer) => write(chunk) || true) as Duplex['write']
        return undefined
      },
      { bound: 1_000_000 },
    ),
    `from the ${first}: a reader that does not read`,
    /asks for more/,
  )
  refuted(
    `a connector that does not tell that the ${first} was destroyed`,
    through((near, far) => {
      const other = first === 'dialler' ? far : near
      const emit = other.emit.bind(other)
      const untold = ['end', 'close', 'error']
      other.emit = ((name: string, ...rest: unknown[]) =>
        untold.includes(name) || emit(name, ...rest)) as never
      return undefined
    }),
    `from the ${first}: when the near end is destroyed, the other one hears it`,
    /not within/,
  )
  const cut = (near: Duplex, far: Duplex) => {
    const sends = first === 'dialler' ? far : near
    // as a WebSocket that is closed
    sends.once('end', () => sends.destroy())
    return undefined
  }
  refuted(
    `a connector that cuts what the other side still sends when the ${first} ends`,
    through(cut),
    `where the ${first} ends`,
    /destroyed before all was written/,
  )
}

refuted(
  'a connector that loses what was written before the end was heard, though it need not go on behind that',
  through(
    (near) => {
      near.end = (() => near.destroy()) as Duplex['end']
      return undefined
    },
    { halfClose: false },
  ),
  'where the dialler ends',
  /premature|destroyed|abort|closed|not within/i,
)
test('a connector over which nobody goes on behind the end of the other side passes if that is said', async (t) => {
  const cases = through(
    (near, far) => {
      far.once('end', () => far.end())
      near.once('end', () => near.end())
      return undefined
    },
    { halfClose: false },
  )()
  for (const { name, run } of cases.filter(({ name }) => name.startsWith('where the')))
    await t.notThrowsAsync(run, name)
})

refuted(
  'a connector that says no address',
  spoilt((memory) => ({
    listen: async (...args) => ({ ...(await Memory.prototype.listen.apply(memory, args)), addresses: [] }),
  })),
  'it takes the addresses',
  /says no address/,
)
refuted(
  'a connector that does not take its own addresses',
  spoilt(() => ({ takes: () => false })),
  'it takes the addresses',
  /does not take memory:1/,
)
refuted(
  'a connector that mixes its connections up',
  spoilt(() => {
    let shared: Duplex | undefined
    return {
      connected(accept) {
        const [near, far] = duplexPair()
        accept(far, {})
        if (!shared) {
          shared = near
          return near
        }
        const other = shared
        shared = undefined
        // what is written to the one goes to the other
        near.write = other.write.bind(other) as Duplex['write']
        return near
      },
    }
  }),
  'many connections at once',
  /bytes came|not within|write after end/,
)
refuted(
  'a connector that does not look at the signal before it connects',
  spoilt((memory) => ({ connect: (address) => Memory.prototype.connect.call(memory, address) })),
  'aborted before is not begun',
  /came to something/,
)
refuted(
  'a connector that has connected before it looks at the signal',
  spoilt((memory) => ({
    async connect(address, { signal } = {}) {
      const duplex = await Memory.prototype.connect.call(memory, address)
      signal?.throwIfAborted()
      return duplex
    },
  })),
  'aborted before is not begun',
  /connected all the same/,
)
refuted(
  'a connector that hides the reason of the signal',
  spoilt((memory) => ({
    async connect(address, options) {
      return Memory.prototype.connect.call(memory, address, options).catch(() => {
        throw new Error('something else')
      })
    },
  })),
  'is aborted meanwhile',
  /ended with Error: something else/,
)
refuted(
  'a connector that leaves behind what it has given up',
  spoilt((memory) => ({
    async connect(address, { signal } = {}) {
      await Memory.prototype.connect.call(memory, address)
      signal?.throwIfAborted()
      throw new Error('it was not aborted')
    },
  })),
  'is aborted meanwhile',
  /the end of what was given up: not within/,
)
refuted(
  'a connector that ends a connection with the signal of the attempt',
  spoilt((memory) => ({
    async connect(address, options = {}) {
      const duplex = await Memory.prototype.connect.call(memory, address, options)
      options.signal?.addEventListener('abort', () => duplex.destroy())
      return duplex
    },
  })),
  'aborts later',
  /not within|destroyed/,
)
refuted(
  'a listener that does not look at its signal before',
  spoilt((memory) => ({
    listen: (address, { onConnection }) => Memory.prototype.listen.call(memory, address, { onConnection }),
  })),
  'aborted before does not listen',
  /came to something/,
)
refuted(
  'a listener that does not look at its signal afterwards',
  spoilt((memory) => ({
    async listen(address, { signal, onConnection }) {
      signal?.throwIfAborted()
      return Memory.prototype.listen.call(memory, address, { onConnection })
    },
  })),
  'ended by its signal',
  /not within|came to something/,
)
refuted(
  'a listener that takes more when it is closed',
  spoilt((memory) => ({
    listen: async (...args) => ({
      ...(await Memory.prototype.listen.apply(memory, args)),
      close: async () => {},
    }),
  })),
  'ended by close()',
  /not within|came to something/,
)
refuted(
  'a listener that closes its connections, too',
  spoilt((memory) => ({
    async listen(address, { onConnection }) {
      const accepted: Duplex[] = []
      const note: Accept = (duplex, from) => {
        accepted.push(duplex)
        onConnection(duplex, from)
      }
      const { addresses, close } = await Memory.prototype.listen.call(memory, address, { onConnection: note })
      const closeAll = async () => {
        for (const duplex of accepted) duplex.destroy()
        await close()
      }
      return { addresses, close: closeAll }
    },
  })),
  'ended by close()',
  /not within|destroyed|premature/i,
)
refuted(
  'a listener that cannot be closed twice',
  spoilt((memory) => ({
    async listen(...args) {
      const { addresses } = await Memory.prototype.listen.apply(memory, args)
      let isClosed = false
      const close = async () => {
        memory.listeners.clear()
        if (isClosed) throw new Error('it is closed')
        isClosed = true
      }
      return { addresses, close }
    },
  })),
  'ended by close()',
  /it is closed/,
)
refuted(
  'a connector that says of nobody something else than ERR_UNREACHABLE',
  spoilt((memory) => ({
    async connect(address) {
      return Memory.prototype.connect.call(memory, address).catch(() => {
        throw new Error('nobody')
      })
    },
  })),
  'ended by close()',
  /ended with Error: nobody/,
)
refuted(
  'a connector whose connections do not close when both sides have ended',
  through((near) => {
    const emit = near.emit.bind(near)
    near.emit = ((name: string, ...rest: unknown[]) => name === 'close' || emit(name, ...rest)) as never
    Object.defineProperty(near, 'closed', { value: false })
    return undefined
  }),
  'nothing stays open',
  /'close' where both sides have ended: not within/,
)

let open = 0
refuted(
  'a connector that leaves something open',
  spoilt(
    (memory) => ({
      async connect(...args) {
        open++
        const duplex = await Memory.prototype.connect.apply(memory, args)
        once(duplex, 'close').then(
          () => (open -= open > 1 ? 1 : 0),
          () => {},
        )
        return duplex
      },
    }),
    { open: () => open },
  ),
  'nothing stays open',
  /1 things are open afterwards, 0 were before/,
)
