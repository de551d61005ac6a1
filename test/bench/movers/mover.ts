import { forked } from '../children/forked.js'
import type { Link, ProxyJob } from '../children/proxy.js'
import type { Sample } from '../figures/usage.js'

/** A transfer that is to be measured. */
export interface Job {
  /** The folder that is sent. */
  source: string
  /** Gets a folder of the same name. */
  target: string
  /** A folder for what else a program needs. */
  scratch: string
  /** What is between the two sides; nothing if it is not given. */
  link?: Link | undefined
}

/** A program that moves a folder from one process to another. */
export interface Mover {
  name: string
  /** Why it cannot take part, in one line; undefined if it can. */
  missing?(): Promise<string | undefined> | string | undefined
  /** Makes what an interrupted transfer of this program leaves of what stands in the target. */
  interrupt?(job: Job): Promise<void>
  move(job: Job): Promise<Sample>
}

/**
 * Does something with the port at which a receiver is reached: its own, or that of a proxy.
 * @returns what that gives, and the bytes that went through a proxy
 */
export async function through<T>(
  link: Link | undefined,
  port: number,
  move: (port: number) => Promise<T>,
): Promise<{ value: T; bytes: number | undefined }> {
  if (!link) return { value: await move(port), bytes: undefined }
  const proxy = forked('proxy', { ...link, port } satisfies ProxyJob, { node: process.execPath })
  try {
    const ready = await proxy.ready()
    const value = await move(ready.port!)
    proxy.go()
    return { value, bytes: (await proxy.done()).bytes }
  } finally {
    proxy.kill()
  }
}
