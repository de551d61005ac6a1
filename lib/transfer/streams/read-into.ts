import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Where what a socket gives is read into. */
export interface InputMemory {
  /** Room for at least so many bytes, which is given until some of it was filled. */
  room(least: number): Buffer
  /** The first bytes of that room, which are something now. */
  fill(length: number): Buffer
  /** Takes a chunk over that came in memory of its own. */
  adopt(chunk: Buffer): void
}

/** Who reads a socket, and where. */
export interface InputReader {
  memory: InputMemory
  /** Whether nobody else is to get the bytes, asked before each of them. */
  isAlone(): boolean
  came(bytes: Buffer): void
}

/**
 * Bytes that are worth a call of the system, and all that is done with what comes at once. Half of a slot of the memory
 * at most: what is left of one is not used, and small pieces must not take more than twice their size.
 */
const LEAST = 512 * 1024

/**
 * What a socket has for the option `onread` of its constructor, by which it reads into a memory that it is given. Those
 * that a server has accepted cannot be given that option any more; so it is put there afterwards.
 */
const ON_READ = ['kBuffer', 'kBufferCb', 'kBufferGen'] as const
type OnRead = Record<(typeof ON_READ)[number], symbol>

/** Bytes of the memory for what passes. */
const PASSING = 512 * 1024

let passing: Buffer | undefined

/** For readers that use at once whatever comes, and keep none of it: they all have the same memory. */
export const passingMemory: InputMemory = {
  room: () => (passing ??= Buffer.allocUnsafeSlow(PASSING)),
  fill: (length) => passing!.subarray(0, length),
  adopt: () => {},
}

/** Nobody who reads it: the stream itself gets what comes, in memory of its own. */
const NOBODY: InputReader = {
  memory: passingMemory,
  isAlone: () => false,
  came: () => {},
}

/** The sockets that read so, and who reads them now. */
const READERS = new WeakMap<Duplex, InputReader>()

/**
 * Has a socket read into the memory of a reader, many chunks by one call of the system, where that can be done: with a
 * socket of Node's as it is known to be made, not on Windows, where a read that has begun knows its memory. What was
 * read before comes as 'data', and so does everything whenever others listen, too.
 * @returns false where it cannot: then all comes as 'data'
 */
export function readInto(socket: Duplex, reader: InputReader, platform = process.platform): boolean {
  const isTaken = READERS.has(socket)
  const keys = isTaken || platform === 'win32' ? undefined : keysOf(socket)
  if (!isTaken && !keys) return false
  READERS.set(socket, reader)
  if (keys) divert(socket as Socket, keys)
  return true
}

/** Has the socket give 'data' again, if it has not. */
export function readAsData(socket: Duplex): void {
  if (READERS.has(socket)) READERS.set(socket, NOBODY)
}

/** How the option is kept in a socket; undefined if that is not known, or it is in use. */
function keysOf(socket: Duplex): OnRead | undefined {
  if (Object.getPrototypeOf(socket) !== Socket.prototype) return undefined
  const symbols = Object.getOwnPropertySymbols(socket)
  const found = ON_READ.map((name) => symbols.find(({ description }) => description === name))
  const isFree = found.every((key) => key && (socket as never)[key] === null)
  const handle = handleOf(socket as Socket)
  if (!isFree || typeof handle?.useUserBuffer !== 'function') return undefined
  return Object.fromEntries(ON_READ.map((name, at) => [name, found[at]!])) as OnRead
}

function handleOf(socket: Socket): { useUserBuffer?: (buffer: Buffer) => void } | undefined {
  return (socket as { _handle?: object })._handle
}

function divert(socket: Socket, { kBuffer, kBufferCb, kBufferGen }: OnRead): void {
  const reader = () => READERS.get(socket)!
  /** Whose the room is that the system reads into: it may be that of a reader before this one. */
  let owner = reader()
  const room = () => {
    owner = reader()
    return owner.memory.room(LEAST)
  }
  const came = (length: number, buffer: Buffer) => {
    const { isAlone, memory, came } = reader()
    if (!isAlone()) return socket.push(Buffer.from(buffer.subarray(0, length)))
    came(owner === reader() ? memory.fill(length) : Buffer.from(buffer.subarray(0, length)))
    return true
  }
  const first = room()
  Object.assign(socket, { [kBuffer]: first, [kBufferCb]: came, [kBufferGen]: room })
  handleOf(socket)!.useUserBuffer!(first)
}
