import { Socket } from 'node:net'

/** The methods of a duplex through which its chunks go. */
const PASSING = ['write', '_write', '_writev', '_writeGeneric', 'push', 'emit'] as const
type Passing = Record<(typeof PASSING)[number], unknown>

const passingOf = (duplex: object): Passing =>
  Object.fromEntries(PASSING.map((name) => [name, (duplex as Passing)[name]])) as Passing

/** The kinds that are plain, by their prototypes, and how their chunks went when they were made. */
const PLAIN = new Map<object, Passing>([[Socket.prototype, passingOf(Socket.prototype)]])

/**
 * To be told of a class of duplexes of our own which are plain, too: they keep nothing of a chunk that was written once
 * its callback was called, and nothing of one that they gave.
 */
export function addPlain({ prototype }: { prototype: object }): void {
  PLAIN.set(prototype, passingOf(prototype))
}

/**
 * Whether nobody but the system holds the chunks of a duplex, as that of a socket of Node's. Of another stream, or one
 * whose methods somebody has replaced to record, delay or count what passes, nobody knows who else does, and how long.
 */
export function isPlain(duplex: object): boolean {
  const passing = PLAIN.get(Object.getPrototypeOf(duplex))
  return passing !== undefined && PASSING.every((name) => (duplex as Passing)[name] === passing[name])
}
