import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { peakMemory, type Usage } from './measure.js'
import type { Run } from './pair.js'
import { countingRelay, type Relay } from './relay.js'

/** Its version, or why it cannot take part. */
export function rsyncVersion(): { version: string } | { missing: string } {
  const found = spawnSync('rsync', ['--version'], { encoding: 'utf8' })
  const version = /version (\S+)/.exec(found.stdout ?? '')?.[1]
  return version
    ? { version }
    : { missing: 'rsync is not installed: left out (Debian: apt-get install rsync)' }
}

/** Milliseconds between two looks at the memory of rsync's processes. */
const LOOK = 20
/** Looks until the daemon has to listen. */
const PATIENCE = 250
/** Clock ticks per second in /proc: always 100 on Linux. */
const TICKS = 100

/**
 * Sends a folder to an rsync daemon on loopback, without authentication.
 * @param how `options`: by default all bytes are sent; `counted`: over a relay that counts them
 */
export async function runRsync(
  source: string,
  target: string,
  scratch: string,
  { options = ['--whole-file'], counted = false }: { options?: readonly string[]; counted?: boolean } = {},
): Promise<Run> {
  mkdirSync(target, { recursive: true })
  const port = await freePort()
  const config = join(scratch, 'rsyncd.conf')
  const user =
    typeof process.getuid === 'function' && process.getuid() === 0 ? 'uid = root\ngid = root\n' : ''
  writeFileSync(config, `use chroot = no\n${user}[target]\npath = ${target}\nread only = no\n`)
  const daemon = spawn(
    'rsync',
    [
      '--daemon',
      '--no-detach',
      `--config=${config}`,
      '--address=127.0.0.1',
      `--port=${port}`,
      '--log-file=/dev/null',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  let relay: Relay | undefined
  try {
    await listening(port)
    if (counted) relay = await countingRelay(port)
    const before = childSeconds('self')
    const daemonBefore = childSeconds(daemon.pid!)
    const began = performance.now()
    const client = spawn(
      'rsync',
      ['-r', '-t', '-p', ...options, source, `rsync://127.0.0.1:${relay?.port ?? port}/target`],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    )
    const peaks = watch({ send: client.pid!, receive: daemon.pid! })
    const [code] = await once(client, 'exit')
    const wall = (performance.now() - began) / 1000
    const { send, receive } = peaks()
    if (code !== 0) throw new Error(`rsync ended with ${code}`)
    await reaped(daemon)
    return {
      wall,
      bytes: relay?.bytes,
      send: usage(childSeconds('self') - before, send),
      receive: usage(childSeconds(daemon.pid!) - daemonBefore, receive),
    }
  } finally {
    relay?.close()
    const gone = daemon.exitCode === null ? once(daemon, 'exit') : undefined
    daemon.kill()
    await gone
    rmSync(config, { force: true })
  }
}

/** The start of its processes takes next to nothing, and is always counted. */
const usage = (cpu: number, peak: number): Usage => ({ cpu, cpuWithStart: cpu, peak })

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < PATIENCE; tries++) {
    const socket = connect(port, '127.0.0.1')
    const there = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (there) return
    await wait(LOOK)
  }
  throw new Error(`the rsync daemon does not listen on port ${port}`)
}

/** Waits until the daemon has taken leave of its children: only then their time is in its account. */
async function reaped(daemon: ChildProcess): Promise<void> {
  for (let tries = 0; tries < PATIENCE && family(daemon.pid!).length > 1; tries++) await wait(LOOK)
}

/** Processor seconds of the children that ended, of a process. */
function childSeconds(pid: number | 'self'): number {
  const fields = statFields(pid)
  return fields ? (Number(fields[13]) + Number(fields[14])) / TICKS : 0
}

/** The fields of /proc/PID/stat after the name of the command, which may have blanks in it. */
function statFields(pid: number | 'self'): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** A process and its descendants; the process alone where /proc does not tell. */
function family(root: number): number[] {
  const all = [root]
  for (const pid of all) {
    try {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      all.push(...children.split(' ').filter(Boolean).map(Number))
    } catch {
      // it has ended meanwhile
    }
  }
  return all
}

/** Looks at the memory of two families until it is asked for: for each the largest peak of one process. */
function watch<K extends string>(roots: Record<K, number>): () => Record<K, number> {
  const sides = Object.keys(roots) as K[]
  const peaks = Object.fromEntries(sides.map((side) => [side, 0])) as Record<K, number>
  const look = () => {
    for (const side of sides)
      peaks[side] = Math.max(peaks[side], ...family(roots[side]).map((pid) => peakMemory(pid)))
  }
  const timer = setInterval(look, LOOK)
  return () => {
    clearInterval(timer)
    return peaks
  }
}
