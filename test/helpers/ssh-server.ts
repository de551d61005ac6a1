import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { freePort } from './free-port.js'

const run = promisify(execFile)

/** Where a program stands, if it is installed. */
async function whereIs(name: string): Promise<string | undefined> {
  // what only the administrator starts is in no path of others
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']) {
    const path = join(folder, name)
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return undefined
}

/** An OpenSSH server on the loopback, with keys and settings of its own. */
export interface SshServer {
  /** Options that `ssh` and `scp` have in common: whom to trust, and who we are. */
  options: string[]
  port: number
  /** Of the process that listens; each session has children of it. */
  pid: number
  /** USER@HOST. */
  login: string
  close(): Promise<void>
}

/** Starts one, whose files are in `dir`; or says why it cannot be had. */
export async function startSshServer(dir: string): Promise<SshServer | string> {
  const [sshd, ssh, keygen] = await Promise.all(['sshd', 'ssh', 'ssh-keygen'].map(whereIs))
  if (!sshd || !ssh || !keygen) return 'openssh-server and openssh-client are not installed'
  const [hostKey, userKey, config] = ['host_key', 'user_key', 'config'].map((name) => join(dir, name))
  for (const key of [hostKey!, userKey!]) await run(keygen, ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const port = await freePort()
  const settings = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${userKey}.pub`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    'Subsystem sftp internal-sftp',
  ]
  await writeFile(config!, `${settings.join('\n')}\n`)
  const known = join(dir, 'known_hosts')
  await writeFile(known, `[127.0.0.1]:${port} ${await readFile(`${hostKey}.pub`, 'utf8')}`)
  const refusal = await run(sshd, ['-t', '-f', config!]).then(
    () => undefined,
    ({ stderr }) => `sshd cannot run here: ${String(stderr).trim()}`,
  )
  if (refusal) return refusal
  const server = spawn(sshd, ['-D', '-e', '-f', config!], { stdio: ['ignore', 'ignore', 'pipe'] })
  const said: string[] = []
  for await (const line of createInterface(server.stderr!)) {
    said.push(line)
    if (!line.startsWith('Server listening on')) continue
    server.stderr!.resume()
    const options = [
      `UserKnownHostsFile=${known}`,
      'IdentitiesOnly=yes',
      'BatchMode=yes',
      'StrictHostKeyChecking=yes',
    ]
    return {
      options: ['-F', 'none', '-i', userKey!, ...options.flatMap((option) => ['-o', option])],
      port,
      pid: server.pid!,
      login: `${userInfo().username}@127.0.0.1`,
      close: () => ended(server),
    }
  }
  throw new Error(`sshd does not listen: ${said.join('; ')}`)
}

async function ended(server: ChildProcess): Promise<void> {
  if (!server.kill()) return
  await once(server, 'exit')
}
