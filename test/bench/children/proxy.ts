// A way to a port of this machine, as a process of its own, that takes as long as a network would. What is compared
// goes over the same one, so that it costs all of them the same.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { done, job, readyAndTold } from './talk.js'

/** What is between the two sides. */
export interface Link {
  /** Milliseconds until what is sent arrives, in each direction. */
  delay?: number
  /** Bytes per second and connection, in each direction. */
  rate?: number
  /** Bytes after which the connection breaks. */
  cutAfter?: number
}

export interface ProxyJob extends Link {
  port: number
}

/** Bytes that may be on their way in each direction of a connection, as in the windows of TCP on a fast line. */
const ON_THE_WAY = 64 * 2 ** 20
/** Milliseconds that may wait before a line with a rate, as in the buffer of a router. */
const QUEUE = 100

const {
  port,
  delay = 0,
  rate = Number.POSITIVE_INFINITY,
  cutAfter = Number.POSITIVE_INFINITY,
} = job<ProxyJob>()
const most = Math.min(ON_THE_WAY, (rate * (delay + QUEUE)) / 1000)

let passed = 0

/** What is to be done on the other side, each thing in its turn and at its time. */
function line(): (at: number, act: () => void) => void {
  const waiting: { at: number; act: () => void }[] = []
  const run = () => {
    while (waiting[0] && waiting[0].at <= performance.now()) waiting.shift()!.act()
    if (waiting[0]) setTimeout(run, waiting[0].at - performance.now())
  }
  return (at, act) => {
    waiting.push({ at, act })
    if (waiting.length === 1) run()
  }
}

function carry(from: Socket, to: Socket): void {
  const later = line()
  let onTheWay = 0
  /** When what was taken until now has passed the narrowest place. */
  let free = 0
  from.on('data', (chunk) => {
    passed += chunk.length
    if (passed >= cutAfter) from.destroy()
    onTheWay += chunk.length
    if (onTheWay >= most) from.pause()
    free = Math.max(free, performance.now()) + (1000 * chunk.length) / rate
    const arrived = () => {
      onTheWay -= chunk.length
      if (onTheWay < most) from.resume()
    }
    later(free + delay, () => void (to.destroyed || to.write(chunk, arrived)))
  })
  const after = (act: () => void) => () => later(Math.max(free, performance.now()) + delay, act)
  from.on(
    'end',
    after(() => to.end()),
  )
  from
    .on('error', () => {})
    .on(
      'close',
      after(() => to.destroy()),
    )
}

const how = { noDelay: true, allowHalfOpen: true }
const server = createServer(how, (near) => {
  const far = connect({ port, host: '127.0.0.1', ...how })
  carry(near, far)
  carry(far, near)
}).listen(0, '127.0.0.1')
await once(server, 'listening')
await readyAndTold((server.address() as AddressInfo).port)
await done(passed)
process.exit()
