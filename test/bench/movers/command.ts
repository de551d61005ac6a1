import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { PROBE } from '../children/forked.js'
import type { CommandUsage } from '../children/probe.js'
import { now, type Sample } from '../figures/usage.js'
import { type Build, nameOf } from './build.js'
import { type Job, type Mover, through } from './mover.js'
import { endsWithUs } from './processes.js'

/** What else each side is told. */
export interface CommandOptions {
  send?: readonly string[]
  receive?: readonly string[]
  /** Over the secure channel of a ticket, not in the clear. */
  secure?: boolean
}

/** Two processes of the command, as people start them; the receiver waits already. */
export function command(build: Build, name: string, options: CommandOptions = {}): Mover {
  return {
    name: nameOf(name, build),
    move: (job) => moveByCommand(build, job, options),
    interrupt: (job) => interrupt(build, job, options),
  }
}

async function moveByCommand(build: Build, job: Job, options: CommandOptions): Promise<Sample> {
  const { receiver, listens } = listening(build, job, options)
  let sender: Started | undefined
  try {
    const address = await listens
    // a ticket names the port of the receiver itself
    const at = options.secure ? 0 : Number(address.split(':').at(-1))
    const { value, bytes } = await through(job.link, at, async (port) => {
      const spawned = now()
      sender = sending(build, job, options, options.secure ? address : `127.0.0.1:${port}`)
      const [send, receive] = await Promise.all([sender.ended, receiver.ended])
      return { spawned, send, receive, end: now() }
    })
    const { spawned, send, receive, end } = value
    return {
      wall: (end - (send.began ?? spawned)) / 1000,
      wallWithStart: (end - spawned) / 1000,
      usage: { sender: send, receiver: receive },
      bytes,
    }
  } finally {
    sender?.child.kill()
    receiver.child.kill()
  }
}

/** Sends what stands in the target, and breaks the connection when that much has gone over it. */
async function interrupt(build: Build, job: Job, options: CommandOptions): Promise<void> {
  const standing = join(job.target, basename(job.source), 'large.bin')
  const { size } = statSync(standing)
  rmSync(standing)
  const { receiver, listens } = listening(build, job, options)
  const port = Number((await listens).split(':').at(-1))
  await through({ cutAfter: size }, port, async (port) => {
    const sender = sending(build, job, options, `127.0.0.1:${port}`)
    await Promise.allSettled([sender.ended, receiver.ended])
  })
}

/** A process of the command, and what it used once it has ended. */
interface Started {
  child: ChildProcess
  ended: Promise<CommandUsage>
}

function listening(build: Build, { target, scratch }: Job, { receive = [], secure }: CommandOptions) {
  const where = secure ? ['--listen', '127.0.0.1:0'] : plainOf(build)
  const args = ['receive', ...where, '--dir', target, '--once', '--yes', ...receive]
  const receiver = start(build, args, PROBE, join(scratch, 'home', 'receiver'))
  const lines = createInterface(receiver.child.stdout!)
  const listens = Promise.race([
    once(lines, 'line').then(([line]) => line as string),
    receiver.ended.then(() => {
      throw new Error('sluice receive has ended before anybody came')
    }),
  ])
  return { receiver, listens }
}

function sending(build: Build, { source, scratch }: Job, { send = [] }: CommandOptions, to: string): Started {
  const probe = `${PROBE}?source=${encodeURIComponent(source)}`
  return start(build, ['send', source, '--to', to, ...send], probe, join(scratch, 'home', 'sender'))
}

/** How a receiver is told to listen in the clear: older builds knew nothing else. */
function plainOf({ node, command }: Build): string[] {
  const { stdout } = spawnSync(node, [command, 'receive', '--help'], { encoding: 'utf8' })
  return stdout.includes('--plain') ? ['--plain'] : []
}

function start(build: Build, args: string[], probe: string, home: string): Started {
  const child = spawn(build.node, ['--import', probe, build.command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, SLUICE_HOME: home },
  })
  endsWithUs(child)
  const said = Promise.all([text(child.stderr!), text(child.stdio[3] as Readable), once(child, 'exit')])
  const ended = said.then(([notes, usage, [code, signal]]) => {
    if (code !== 0) throw new Error(`sluice ${args[0]} ended with ${signal ?? code}: ${notes.trim()}`)
    return JSON.parse(usage) as CommandUsage
  })
  // the one that is awaited first is the one whose error counts
  ended.catch(() => {})
  return { child, ended }
}
