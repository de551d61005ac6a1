import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../../helpers/free-port.js'
import { now, type Sample } from '../figures/usage.js'
import { type Job, type Mover, through } from './mover.js'
import { end, endsWithUs, measureServer, patiently, shell } from './processes.js'

/** `rsync` to a daemon on the loopback, without authentication; by default all bytes are sent. */
export function rsync(name = 'rsync daemon', options: readonly string[] = ['--whole-file']): Mover {
  return { name, missing, move: (job) => moveByRsync(job, options) }
}

function missing(): string | undefined {
  const isThere = spawnSync('rsync', ['--version']).status === 0
  return isThere ? undefined : 'rsync is not installed: left out (Debian: apt-get install rsync)'
}

async function moveByRsync(
  { source, target, scratch, link }: Job,
  options: readonly string[],
): Promise<Sample> {
  mkdirSync(target, { recursive: true })
  const port = await freePort()
  const config = join(scratch, 'rsyncd.conf')
  const user = process.getuid?.() === 0 ? 'uid = root\ngid = root\n' : ''
  writeFileSync(config, `use chroot = no\n${user}[target]\npath = ${target}\nread only = no\n`)
  const listen = ['--address=127.0.0.1', `--port=${port}`, '--log-file=/dev/null']
  const daemon = spawn('rsync', ['--daemon', '--no-detach', `--config=${config}`, ...listen], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  endsWithUs(daemon)
  try {
    await patiently(`the rsync daemon listens on port ${port}`, () => listens(port))
    const { value, bytes } = await through(link, port, async (port) => {
      const began = now()
      const send = async () => {
        const to = `rsync://127.0.0.1:${port}/target`
        const usage = await shell('rsync "$@"', ['-r', '-t', '-p', ...options, source, to]).ended
        return { usage, wall: (now() - began) / 1000 }
      }
      return measureServer(daemon.pid!, send)
    })
    const [{ usage, wall }, receiver] = value
    return { wall, wallWithStart: wall, usage: { sender: usage, receiver }, bytes }
  } finally {
    await end(daemon)
    rmSync(config, { force: true })
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const isThere = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return isThere
}
