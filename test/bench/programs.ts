import type { Socket } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

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

export const PROGRAMS: Record<string, () => Promise<Program>> = { tar }
