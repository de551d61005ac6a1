// Each property of the suite, and a connection that lacks just that: the suite must say so.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type DuplexConformance, duplexConformance, duplexPair } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'
import { refuted } from '../../helpers/refuted.js'

const patience = 1000
const many = 300_000

/** The suite for a pair in memory that was spoilt. */
const pairs =
  (spoil: (near: Duplex, far: Duplex) => void, more: DuplexConformance = {}) =>
  () =>
    duplexConformance(
      () => {
        const [near, far] = duplexPair()
        spoil(near, far)
        return [near, far]
      },
      { patience, many, ...more },
    )

/** A method is replaced by what is made of it. */
function instead<K extends 'write' | 'end' | 'destroy' | 'pause' | 'emit'>(
  duplex: Duplex,
  name: K,
  make: (right: Duplex[K]) => (...args: never[]) => unknown,
): void {
  duplex[name] = make(duplex[name].bind(duplex) as Duplex[K]) as Duplex[K]
}

/** Events of this name are not told. */
const silent =
  (...names: string[]) =>
  (duplex: Duplex) =>
    instead(
      duplex,
      'emit',
      (emit) =>
        (name: string, ...rest: unknown[]) =>
          names.includes(name) ? true : emit(name, ...rest),
    )

refuted(
  'a connection without a method',
  pairs((_near, far) => Object.assign(far, { pause: undefined })),
  'has the methods',
  /must be a duplex stream of bytes/,
)
refuted(
  'a connection that changes bytes',
  pairs((near) => instead(near, 'write', (write) => (chunk: Buffer) => write(Buffer.alloc(chunk.length)))),
  'whole and in order',
  /differ from byte 0/,
)
refuted(
  'a connection that loses bytes',
  pairs((near) => instead(near, 'write', (write) => (chunk: Buffer) => write(chunk.subarray(1)))),
  'whole and in order',
  /5000 bytes: not within/,
)
refuted(
  'a connection of which one direction is lost',
  pairs((_near, far) => instead(far, 'write', () => () => true)),
  'both directions',
  /300000 bytes: not within/,
)
refuted(
  'a connection that cannot be paused',
  pairs((_near, far) => instead(far, 'pause', () => () => far)),
  'a reader that pauses',
  /came to a reader that had paused/,
)
refuted(
  'a connection that takes all at once',
  pairs((near) => instead(near, 'write', (write) => (chunk: Buffer) => write(chunk) || true), {
    bound: 1_000_000,
  }),
  'makes the writer wait',
  /nobody reads, and it has taken 10\d+ bytes/,
)
refuted(
  'a connection that does not say when there is room again',
  pairs((near) => silent('drain')(near)),
  'makes the writer wait',
  /'drain': not within/,
)
refuted(
  'a connection whose end is not heard',
  pairs((near) => instead(near, 'end', () => () => near)),
  'who ends one side',
  /the end of the other side: not within/,
)
refuted(
  'a connection that does not say that all has gone out',
  pairs((near) => silent('finish', 'close')(near)),
  'both sides have ended',
  /'end' and 'finish', or 'close': not within/,
)
refuted(
  'an end that does not say that it was destroyed',
  pairs((near) => instead(near, 'destroy', () => () => near)),
  'an end that is destroyed says so',
  /'close': not within/,
)
for (const which of ['near', 'far'] as const) {
  const deaf = pairs((near, far) => {
    silent('end', 'close', 'error')(which === 'near' ? far : near)
  })
  refuted(
    `a connection that does not tell that its ${which} end was destroyed`,
    deaf,
    `when the ${which} end is destroyed, the other`,
    /that the other end was destroyed: not within/,
  )
  refuted(
    `a connection over which pipelines do not notice it of the ${which} end`,
    pairs((near, far) => {
      for (const end of [near, far]) silent('end', 'close', 'error')(end)
    }),
    `notice when the ${which} end`,
    /not within/,
  )
}
refuted(
  'a connection over which no pipeline ends',
  pairs((near) => silent('finish', 'close')(near)),
  'come to their end',
  /not within/,
)

conforms(
  'duplexPair',
  duplexConformance(() => duplexPair()),
)

async function sockets(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  server.close()
  return [near, far]
}
conforms('a socket', duplexConformance(sockets))
