import { once } from 'node:events'
import type { Duplex } from 'node:stream'

/** All that comes over a connection until its end. What iterates over a Duplex destroys it then; this does not. */
export async function heardOn(duplex: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  duplex.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(duplex, 'end')
  return Buffer.concat(chunks)
}

/** The error with which a connection closes, or null. */
export async function errorAtClose(duplex: Duplex): Promise<NodeJS.ErrnoException | null> {
  duplex.on('error', () => {})
  if (!duplex.closed) await new Promise((resolve) => duplex.once('close', resolve))
  return duplex.errored
}
