import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, link, lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import type { Connector } from '../../../lib/peers/connectors/connector.js'
import { unix } from '../../../lib/peers/connectors/unix.js'
import { connectorConformance } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'

const folder = await mkdtemp(join(tmpdir(), 'sluice-test-'))
test.after.always(() => rm(folder, { recursive: true }))

conforms(
  'unix',
  connectorConformance(() => ({ connector: unix(), address: `unix:${join(folder, 'socket')}` })),
)

/** A folder of the test's own. */
const place = async () => mkdtemp(join(folder, 'x'))
const onConnection = () => {}
const { connect, listen } = unix() as Required<Connector>

test('only the user who listens can connect, and nothing else is left in the folder', async (t) => {
  const dir = await place()
  const path = join(dir, 'socket')
  // whatever the mask would allow
  const before = process.umask(0)
  const listening = await listen(`unix:${path}`, { onConnection })
  process.umask(before)
  t.deepEqual(listening.addresses, [`unix:${path}`])
  const stats = await lstat(path)
  t.true(stats.isSocket())
  t.is(stats.mode & 0o777, 0o600)
  t.deepEqual(await readdir(dir), ['socket'])
  await listening.close()
  t.deepEqual(await readdir(dir), [])
})

/** Leaves a socket as a process does that is killed. */
async function leaveSocket(path: string): Promise<void> {
  const program = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  await once(spawn(process.execPath, ['-e', program], { stdio: 'ignore' }), 'exit')
}

test('a socket that a process has left behind is replaced', async (t) => {
  const dir = await place()
  const path = join(dir, 'socket')
  await leaveSocket(path)
  t.true((await lstat(path)).isSocket())
  await t.throwsAsync(connect(`unix:${path}`), {
    code: 'ERR_UNREACHABLE',
    message: `nobody listens at unix:${path}; start the other side first`,
  })
  const listening = await listen(`unix:${path}`, { onConnection: (duplex) => duplex.end('new') })
  const duplex = await connect(`unix:${path}`)
  t.is(await text(duplex), 'new')
  duplex.end()
  await listening.close()
  t.deepEqual(await readdir(dir), [])
})

test('where somebody listens nobody else does, and no file is replaced', async (t) => {
  const dir = await place()
  const path = join(dir, 'socket')
  const first = await listen(`unix:${path}`, { onConnection })
  await t.throwsAsync(listen(`unix:${path}`, { onConnection }), {
    code: 'ERR_USAGE',
    message: /is in use, or something else has that name/,
  })
  await first.close()
  await writeFile(path, 'mine')
  await t.throwsAsync(listen(`unix:${path}`, { onConnection }), { code: 'ERR_USAGE' })
  t.is(await readFile(path, 'utf8'), 'mine')
  t.deepEqual(await readdir(dir), ['socket'])
})

/** Run by another user, tries to listen and to connect at each of these paths, and prints what it is told. */
const STRANGER = `
const [url, ...paths] = process.argv.slice(1)
const { unix } = await import(url)
process.setgid(54321)
process.setuid(54321)
for (const address of paths.map((path) => 'unix:' + path)) {
  for (const attempt of [() => unix().listen(address, { onConnection() {} }), () => unix().connect(address)])
    await attempt().then(() => console.log('done'), (error) => console.log(error.code + ' ' + error.message))
}
process.exit()`

test('what another user has left behind in a folder of all is not replaced, and told as that', async (t) => {
  if (process.getuid?.() !== 0) return t.pass('only root can be two users')
  const dir = await place()
  await chmod(folder, 0o755)
  await chmod(dir, 0o1777)
  const [open, closed] = [join(dir, 'open'), join(dir, 'closed')]
  for (const path of [open, closed]) await leaveSocket(path)
  await chmod(open, 0o777)
  await chmod(closed, 0o700)
  const url = import.meta.resolve('../../../lib/peers/connectors/unix.js')
  const args = ['--input-type=module', '-e', STRANGER, url, open, closed]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const taken = (path: string) =>
    `ERR_USAGE the address unix:${path} is in use, or something else has that name; choose another path`
  t.deepEqual((await text(child.stdout)).trim().split('\n'), [
    taken(open),
    `ERR_UNREACHABLE nobody listens at unix:${open}; start the other side first`,
    taken(closed),
    `ERR_UNREACHABLE unix:${closed} is not open to this user; only who listens there, and root, may connect`,
  ])
  t.deepEqual((await readdir(dir)).sort(), ['closed', 'open'])
})

test('of many that take over a left-over socket at once, one listens, and is heard', async (t) => {
  const dir = await place()
  const path = join(dir, 'socket')
  for (let round = 0; round < 20; round++) {
    const left = createServer().listen(join(dir, 'old'))
    await once(left, 'listening')
    await link(join(dir, 'old'), path)
    left.close()
    await once(left, 'close')
    const all = await Promise.allSettled(
      Array.from({ length: 16 }, async (_, i) => {
        // some come when others are at each of their steps
        for (let turn = 0; turn < i % 6; turn++) await setImmediate()
        return listen(`unix:${path}`, { onConnection: (duplex) => duplex.resume().end('here') })
      }),
    )
    const listening = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    t.is(listening.length, 1, all.map((one) => String(one.status === 'rejected' && one.reason)).join('\n'))
    const duplex = await connect(`unix:${path}`)
    t.is(await text(duplex), 'here')
    duplex.end()
    await listening[0]!.close()
    t.deepEqual(await readdir(dir), [])
  }
})

test('what has taken the name since is not removed at the end', async (t) => {
  const dir = await place()
  const path = join(dir, 'socket')
  const listening = await listen(`unix:${path}`, { onConnection })
  await rm(path)
  await writeFile(path, 'another')
  await listening.close()
  t.is(await readFile(path, 'utf8'), 'another')
})

test('what is wrong with a path is said', async (t) => {
  const dir = await place()
  const long = join(dir, 'a'.repeat(120))
  for (const attempt of [connect(`unix:${long}`), listen(`unix:${long}`, { onConnection })])
    await t.throwsAsync(attempt, { code: 'ERR_USAGE', message: /is too long for a socket, by \d+ bytes/ })
  await t.throwsAsync(listen(`unix:${join(dir, 'none', 'socket')}`, { onConnection }), {
    code: 'ERR_USAGE',
    message: /its folder is not there/,
  })
  await t.throwsAsync(connect(`unix:${join(dir, 'none')}`), { code: 'ERR_UNREACHABLE' })
  await t.throwsAsync(connect('unix:'), {
    code: 'ERR_USAGE',
    message: /the path behind unix: must be a path/,
  })
  t.deepEqual(await readdir(dir), [])
})

test('the longest path that the system takes is used, and the next one named', async (t) => {
  const dir = await place()
  const longest = (process.platform === 'linux' ? 107 : 103) - dir.length - 1
  const path = join(dir, 'a'.repeat(longest))
  const listening = await listen(`unix:${path}`, { onConnection: (duplex) => duplex.end('here') })
  const duplex = await connect(`unix:${path}`)
  t.is(await text(duplex), 'here')
  duplex.end()
  await listening.close()
  await t.throwsAsync(listen(`unix:${path}a`, { onConnection }), { code: 'ERR_USAGE', message: /by 1 bytes/ })
})
