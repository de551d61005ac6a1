import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { dialling, plainly } from '../../lib/cli/network/dialler.js'
import { connectTo } from '../../lib/cli/network/sockets.js'
import { main } from '../../lib/cli/program.js'
import { stoppedByUser } from '../../lib/cli/ui/exit.js'
import { ignoredSignals } from '../../lib/cli/ui/input/signals.js'
import type { Io } from '../../lib/cli/ui/io.js'
import { Command, MAIN } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

test('SIGTERM ends a receiver that waits in order, and one that receives as stopped', async (t) => {
  const dir = await temporary(t)
  const idle = new Command(t, ['receive', '--plain', '--dir', dir, '--yes'])
  const address = await idle.line()
  // a connection that offers nothing is nothing on its way
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1').on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'data')
  idle.child.kill('SIGTERM')
  t.like(await idle.ended, { code: 0, err: '' })

  const busy = new Command(t, ['receive', '--plain', '--dir', dir, '--yes', '--json'])
  const { address: other } = JSON.parse(await busy.line())
  const source = await plant(await temporary(t), { big: Buffer.alloc(300_000) })
  new Command(t, ['send', join(source, 'big'), '--to', other, '--limit', '20k'])
  while (JSON.parse(await busy.line()).state !== 'receiving');
  busy.child.kill('SIGTERM')
  t.is((await busy.ended).code, 130)
})

test('without a terminal SIGHUP is nothing, as nohup wants it', async (t) => {
  const receiver = new Command(t, ['receive', '--plain', '--dir', await temporary(t), '--yes'])
  await receiver.line()
  receiver.child.kill('SIGHUP')
  receiver.child.kill('SIGTERM')
  t.is((await receiver.ended).code, 0)
})

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('in the background of a shell that has ended SIGINT is for others', async (t) => {
  const script = '"$0" "$1" receive --plain --dir "$2" --yes </dev/null & echo $!'
  const shell = spawn('sh', ['-c', script, process.execPath, MAIN, await temporary(t)])
  const lines = createInterface(shell.stdout)[Symbol.asyncIterator]()
  const pid = Number((await lines.next()).value)
  t.teardown(() => {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // it has ended, as it should
    }
  })
  t.regex((await lines.next()).value, /^127/)
  const said = text(shell.stderr)
  process.kill(pid, 'SIGINT')
  process.kill(pid, 'SIGTERM')
  t.is(await said, '')
})

onLinux(
  'that a signal was ignored at the start Node takes back, as README.md says: nobody can know',
  async (t) => {
    const program = `process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 60_000)`
    const shell = spawn('sh', ['-c', `trap '' TERM; exec "$0" -e "${program}"`, process.execPath])
    t.deepEqual(await once(shell, 'exit'), [null, 'SIGTERM'])
  },
)

test('a reader that does not read does not keep the program from ending', async (t) => {
  // what is written is not taken
  const stdout = new Writable({ write: () => {} })
  const [stdin, stderr] = [new PassThrough().end(), new PassThrough()]
  const stop = new AbortController()
  const ending = main(['status', await temporary(t)], { stdin, stdout, stderr } as unknown as Io, stop)
  await once(stderr, 'data')
  stop.abort(stoppedByUser())
  t.is(await ending, 130)
})

const hasTerminals = spawnSync('script', ['--version']).status === 0

for (const atQuestion of [false, true])
  onLinux(
    `a terminal that closes ends the program in order${atQuestion ? ', also at a question' : ''}`,
    async (t) => {
      if (!hasTerminals) return t.pass('nothing at hand that makes a terminal')
      const dir = await temporary(t)
      spawnSync('mkfifo', [join(dir, 'exit')])
      const reader = spawn('cat', [join(dir, 'exit')])
      t.teardown(() => reader.kill('SIGKILL'))
      // the inner shell outlives the terminal, to say how the program ended
      const inside = `(trap '' HUP; ${process.execPath} ${MAIN} receive --plain --dir ${dir}/in; echo $? >${dir}/exit); :`
      const terminal = spawn('script', ['-qc', inside, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] })
      t.teardown(() => terminal.kill('SIGKILL'))
      let shown = ''
      const shows = async (pattern: RegExp) => {
        while (!pattern.test(shown)) shown += (await once(terminal.stdout, 'data'))[0]
      }
      await shows(/:\d+\r\n/)
      if (atQuestion) {
        new Command(t, ['send', MAIN, '--to', /[\d.]+:\d+/.exec(shown)![0]])
        await shows(/Accept/)
      }
      terminal.kill('SIGKILL')
      t.is(await text(reader.stdout), '130\n')
    },
  )

test('a Ctrl-C is heard at a terminal, and wherever somebody waits for the program', (t) => {
  const signals = (isTerminal: boolean, isOrphan: boolean, isFollower: boolean) =>
    ignoredSignals({ isTerminal, isOrphan, isFollower }).join()
  t.is(signals(true, true, true), '')
  t.is(signals(false, false, true), 'SIGHUP')
  // a service, and what a container starts
  t.is(signals(false, true, false), 'SIGHUP')
  t.is(signals(false, true, true), 'SIGHUP,SIGINT')
})

const { signal } = new AbortController()
const LOCALHOST = async () => [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
]

test('all addresses of a host are tried, and named where none works', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const lookUp = LOCALHOST as unknown as Parameters<typeof connectTo>[2]
  const socket = await connectTo(`localhost:${port}`, signal, lookUp)
  t.is(socket.remoteAddress, '127.0.0.1')
  socket.destroy()
  server.close()
  await once(server, 'close')
  await t.throwsAsync(connectTo(`localhost:${port}`, signal, lookUp), {
    code: 'ERR_UNREACHABLE',
    message: `nobody listens at [::1]:${port} or 127.0.0.1:${port}; start the other side first`,
  })
})

test('who stops the program waits neither for a name server nor for a peer that does not hang up', async (t) => {
  const stop = new AbortController()
  const never = (() => new Promise(() => {})) as unknown as Parameters<typeof connectTo>[2]
  const asking = connectTo('localhost:1', stop.signal, never)
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const reach = async () => plainly(await connectTo(`127.0.0.1:${port}`, stop.signal))
  const dialler = dialling('it', stop, reach)
  const [{ duplex: before }, { duplex }] = [await dialler.connect(signal), await dialler.connect(signal)]
  before.destroy()
  stop.abort(stoppedByUser())
  await t.throwsAsync(asking, { code: 'ERR_CANCELLED' })
  await once(duplex, 'close')
  t.pass()
})
