import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SshServer, startSshServer } from '../../helpers/ssh-server.js'
import { now, type Sample } from '../figures/usage.js'
import type { Job, Mover } from './mover.js'
import { measureServer, shell } from './processes.js'

/** `scp` to an OpenSSH server of the benchmark's own. */
export const scp: Mover = {
  name: 'scp',
  missing: () =>
    withServer(async (server) => (typeof server === 'string' ? `scp is left out: ${server}` : undefined)),
  move: (job) =>
    withServer((server) => {
      if (typeof server === 'string') throw new Error(server)
      return moveByScp(job, server)
    }),
}

async function moveByScp({ source, target }: Job, { options, port, login, pid }: SshServer): Promise<Sample> {
  mkdirSync(target, { recursive: true })
  const began = now()
  const send = async () => {
    const args = ['-q', '-r', ...options, '-P', String(port), source, `${login}:${target}`]
    const usage = await shell('scp "$@"', args).ended
    return { usage, wall: (now() - began) / 1000 }
  }
  const [{ usage, wall }, receiver] = await measureServer(pid, send)
  return { wall, wallWithStart: wall, usage: { sender: usage, receiver } }
}

/** Does something with a server whose keys are thrown away; or with the reason why there is none. */
async function withServer<T>(act: (server: SshServer | string) => Promise<T>): Promise<T> {
  const keys = mkdtempSync(join(tmpdir(), 'sluice-ssh-'))
  let server: SshServer | string | undefined
  try {
    server = await startSshServer(keys)
    return await act(server)
  } finally {
    if (typeof server === 'object') await server.close()
    rmSync(keys, { recursive: true })
  }
}
