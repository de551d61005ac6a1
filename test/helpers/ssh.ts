import type { ExecutionContext } from 'ava'
import { temporary } from './folders.js'
import { startSshServer } from './ssh-server.js'

/** The words that log in at an OpenSSH server of the test's own; or why there is none. */
export async function sshServer(t: ExecutionContext<unknown>): Promise<string[] | string> {
  const server = await startSshServer(await temporary(t))
  if (typeof server === 'string') return server
  t.teardown(server.close)
  return ['ssh', ...server.options, '-p', String(server.port), server.login]
}
