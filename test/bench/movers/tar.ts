import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../../helpers/free-port.js'
import { now, type Sample } from '../figures/usage.js'
import { type Job, type Mover, through } from './mover.js'
import { shell } from './processes.js'

/** `tar` at both ends of a pipe through `nc`, as people do it by hand: no digest, no answer. */
export const tarThroughNc: Mover = { name: 'tar through nc', missing, move: moveByTar }

function missing(): string | undefined {
  if (spawnSync('tar', ['--version']).status !== 0) return 'tar is not installed: left out'
  const help = spawnSync('nc', ['-h'], { encoding: 'utf8' })
  // others take other options
  return /OpenBSD/.test(`${help.stdout}${help.stderr}`)
    ? undefined
    : 'the nc of OpenBSD is not installed: tar through nc is left out (Debian: apt-get install netcat-openbsd)'
}

async function moveByTar({ source, target, link }: Job): Promise<Sample> {
  mkdirSync(target, { recursive: true })
  const own = await freePort()
  const receiver = shell('nc -v -l 127.0.0.1 "$1" | tar -xf - -C "$2"', [String(own), target])
  try {
    // it says that it listens, before anything else
    await Promise.race([once(createInterface(receiver.stderr), 'line'), receiver.ended])
    const { value, bytes } = await through(link, own, async (port) => {
      const began = now()
      const args = [dirname(source), basename(source), String(port)]
      const sender = shell('tar -cf - -C "$1" "$2" | nc -N 127.0.0.1 "$3"', args)
      const [send, receive] = await Promise.all([sender.ended, receiver.ended])
      return { send, receive, wall: (now() - began) / 1000 }
    })
    const { send, receive, wall } = value
    return { wall, wallWithStart: wall, usage: { sender: send, receiver: receive }, bytes }
  } finally {
    receiver.kill()
  }
}
