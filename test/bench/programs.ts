import type { Socket } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type { FileSystem } from '../../lib/files/disk/fs.js'

/** A way to move a folder over a connected socket, into a folder of the same name under `target`. */
export interface Program {
  send(socket: Socket, source: string): Promise<void>
  receive(socket: Socket, target: string, name: string): Promise<void>
}

/** `tar-fs` at both ends, nothing between: no digest, no answer. */
async function tar(): Promise<Program> {
  const { pack, extract } = await import('tar-fs')
  return {
    send: async (socket, source) => {
      await pipeline(pack(source), socket)
    },
    receive: async (socket, target, name) => {
      await pipeline(socket, extract(join(target, name)))
    },
  }
}

/**
 * Sluice as a server uses it.
 * @param writeDelay milliseconds that each write at the receiver takes longer
 */
async function sluice(algorithm: string, { writeDelay = 0 } = {}): Promise<Program> {
  const { send, receive } = await import('../../lib/index.js')
  const { nodeFileSystem: fs } = await import('../../lib/files/disk/node-fs.js')
  return {
    send: async (socket, source) => {
      await send(socket, [source], { algorithm, fs }).finished
    },
    receive: async (socket, dir) => {
      await receive(socket, { dir, accept: 'all', fs: writeDelay ? slowDisk(fs, writeDelay) : fs }).finished
    },
  }
}

/** A disk on which each write takes `delay` milliseconds longer. */
function slowDisk(fs: FileSystem, delay: number): FileSystem {
  return {
    ...fs,
    write: async (fd, buffers, position) => {
      await wait(delay)
      return fs.write(fd, buffers, position)
    },
  }
}

export const PROGRAMS: Record<string, () => Promise<Program>> = {
  tar,
  sha256: () => sluice('sha256'),
  blake3: () => sluice('blake3'),
  'blake3, 200 ms per write': () => sluice('blake3', { writeDelay: 200 }),
}
