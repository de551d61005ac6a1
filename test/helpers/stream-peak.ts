import { fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, ftruncateSync, openSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CHILD = fileURLToPath(new URL('stream-child.js', import.meta.url))

export interface StreamPeak {
  /** The most resident memory of the process at any moment, in bytes. */
  peak: number
  /** Seconds. */
  wall: number
}

/** Streams a sparse file of so many bytes into another one by `createAtomicWriteStream`, in a process of its own. */
export async function streamPeak(folder: string, bytes: number): Promise<StreamPeak> {
  const source = join(folder, 'stream-source')
  const target = join(folder, 'stream-target')
  const fd = openSync(source, 'w')
  ftruncateSync(fd, bytes)
  closeSync(fd)
  // who counts the covered lines takes memory of its own
  const { NODE_V8_COVERAGE: _, ...env } = process.env
  const child = fork(CHILD, [source, target], { env })
  const [[found]] = (await Promise.all([once(child, 'message'), once(child, 'exit')])) as [
    [StreamPeak],
    unknown,
  ]
  if (statSync(target).size !== bytes) throw new Error('the stream did not arrive whole')
  for (const path of [source, target]) rmSync(path)
  return found
}
