// A folder goes through ssh, to a server of the test's own: that is how most people reach another machine.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { send } from '../../../lib/index.js'
import { command } from '../../../lib/peers/connectors/command.js'
import { randomContent } from '../../../lib/testing/index.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { errorAtClose } from '../../helpers/heard.js'

const PEER_CHILD = fileURLToPath(new URL('../../helpers/peer-child.js', import.meta.url))
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Starts a server with keys and settings of its own. Returns the words that log in there, or why it cannot be had. */
async function sshServer(t: ExecutionContext<unknown>): Promise<string[] | string> {
  const [sshd, ssh, keygen] = await Promise.all(['sshd', 'ssh', 'ssh-keygen'].map(whereIs))
  if (!sshd || !ssh || !keygen) return 'openssh-server and openssh-client are not installed'
  const dir = await temporary(t)
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
  t.teardown(() => ended(server))
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
    return [
      ...[ssh, '-F', 'none', '-i', userKey!, '-p', String(port)],
      ...options.flatMap((option) => ['-o', option]),
      `${userInfo().username}@127.0.0.1`,
    ]
  }
  throw new Error(`sshd does not listen: ${said.join('; ')}`)
}

async function ended(server: ChildProcess): Promise<void> {
  if (!server.kill()) return
  await once(server, 'exit')
}

test('a folder goes through ssh', async (t) => {
  const ssh = await sshServer(t)
  if (typeof ssh === 'string') {
    t.log(`skipped: ${ssh}`)
    return t.pass()
  }
  const source = await plant(await temporary(t), {
    'photos/a.jpg': randomContent(2_000_000),
    'photos/b/c.txt': 'c',
    'photos/none': null,
  })
  const dir = await temporary(t)
  const lines: string[] = []
  const onLine = (line: string) => lines.push(line)
  const there = command([...ssh, process.execPath, PEER_CHILD, dir], { onLine })
  const duplex = await there.connect('')
  await send(duplex, [join(source, 'photos')]).finished
  t.is(await errorAtClose(duplex), null)
  t.deepEqual(lines, ['received 5'])
  t.deepEqual(await listing(dir), await listing(source))

  // what it says when it comes to nothing is what people need to know
  const nobody = ssh.map((word) => word.replace(/.*@/, 'nobody-of-that-name@'))
  const refused = await command([...nobody, 'true'], { onLine }).connect('')
  const error = await errorAtClose(refused.resume())
  t.is(error?.code, 'ERR_UNREACHABLE')
  t.regex(String(error), /ended with exit status 255; it said: .*Permission denied/)
})
