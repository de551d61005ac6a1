import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Usage } from './measure.js'
import type { Build, Run } from './pair.js'
import { countingRelay, type Relay } from './relay.js'

const PROBE = new URL('probe.js', import.meta.url).href

/** A process of the command, and what it used once it has ended. */
interface Started {
  child: ChildProcess
  ended: Promise<Usage>
}

/** What else each side is told, and whether the bytes between them are counted, over a relay. */
export interface CommandOptions {
  send?: readonly string[]
  receive?: readonly string[]
  counted?: boolean
  /** Over the secure channel of a ticket; the identities of both sides are in this folder. */
  secure?: string
}

/**
 * Runs a transfer between two processes of the command, as people start them. The wall time goes from the start of the
 * sender, while the receiver listens, until both have ended; the processor time is that of the whole process.
 */
export async function runCommand(
  build: Build,
  source: string,
  target: string,
  {
    send: sending = ['--hash', 'blake3'],
    receive: receiving = [],
    counted = false,
    secure,
  }: CommandOptions = {},
): Promise<Run> {
  const listening = secure === undefined ? plainOf(build) : ['--listen', '127.0.0.1:0']
  const home = (side: string) => (secure === undefined ? {} : { SLUICE_HOME: join(secure, side) })
  const args = ['receive', ...listening, '--dir', target, '--once', '--yes', ...receiving]
  const receiver = start(build, args, home('receiver'))
  const all = [receiver]
  let relay: Relay | undefined
  try {
    const lines = createInterface(receiver.child.stdout!)
    const [address] = await Promise.race([once(lines, 'line'), receiver.ended.then(() => [])])
    if (counted) relay = await countingRelay(Number(address.split(':').at(-1)))
    const began = performance.now()
    const to = relay ? `127.0.0.1:${relay.port}` : address
    const sender = start(build, ['send', source, '--to', to, ...sending], home('sender'))
    all.push(sender)
    const [send, receive] = await Promise.all([sender.ended, receiver.ended])
    return { wall: (performance.now() - began) / 1000, bytes: relay?.bytes, send, receive }
  } finally {
    relay?.close()
    for (const { child } of all) child.kill()
  }
}

/** How a receiver is told to listen in the clear: older builds knew nothing else. */
export function plainOf({ node, command }: Build): string[] {
  const { stdout } = spawnSync(node, [command, 'receive', '--help'], { encoding: 'utf8' })
  return stdout.includes('--plain') ? ['--plain'] : []
}

function start(build: Build, args: string[], env: NodeJS.ProcessEnv): Started {
  const child = spawn(build.node, ['--import', PROBE, build.command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const said = Promise.all([text(child.stderr!), text(child.stdio[3] as Readable), once(child, 'exit')])
  const ended = said.then(([notes, usage, [code, signal]]) => {
    if (code !== 0) throw new Error(`sluice ${args[0]} ended with ${signal ?? code}: ${notes.trim()}`)
    return JSON.parse(usage) as Usage
  })
  // the one that is awaited first is the one whose error counts
  ended.catch(() => {})
  return { child, ended }
}
