import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { temporary } from '../helpers/folders.js'

// The programs in examples/files, run as a user runs them.

const EXAMPLES = fileURLToPath(new URL('../../examples/files/', import.meta.url))

async function run(name: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(EXAMPLES, `${name}.js`), ...args])
  return stdout
}

async function folder(t: ExecutionContext<unknown>): Promise<string> {
  const dir = join(await temporary(t), 'data')
  await mkdir(dir)
  return dir
}

/** The names in the folder; the times and random parts of backups say nothing here. */
const names = async (dir: string) =>
  (await readdir(dir)).map((name) => name.replace(/\.\d{8}T\d{9}Z\.[0-9a-f]{4}\./, '.TIME.')).sort()

test('write: a value that fits, one that does not, and a stream', async (t) => {
  const dir = await folder(t)
  const lines = ['19 bytes of settings', 'ERR_SCHEMA', /^\d+ bytes compressed$/, 'as written', '']
  const said = (await run('write', dir)).split('\n')
  t.is(said.length, lines.length)
  for (const [n, line] of lines.entries())
    if (typeof line === 'string') t.is(said[n], line)
    else t.regex(said[n]!, line)
  await run('write', dir)
  t.deepEqual(await names(dir), ['settings.json', 'settings.json.TIME.bak', 'settings.json.gz'])
})

test('update: several at once count each of them', async (t) => {
  const dir = await folder(t)
  const said = await Promise.all(Array.from({ length: 4 }, () => run('update', dir)))
  t.deepEqual(said.sort(), ['run 1\n', 'run 2\n', 'run 3\n', 'run 4\n'])
  t.is(await readFile(join(dir, 'report.txt'), 'utf8'), '4 runs\n')
  t.deepEqual(await names(dir), ['counter.json', 'report.txt'])
})

test('transaction: three files or none', async (t) => {
  const dir = await folder(t)
  const said = await run('transaction', dir)
  t.deepEqual(said.split('\n').sort(), [
    '',
    'ERR_SCHEMA',
    'created notes/1.0.txt',
    'created notes/latest.txt',
    'created version.json',
  ])
  t.deepEqual(JSON.parse(await readFile(join(dir, 'version.json'), 'utf8')), { version: '1.0' })
  t.deepEqual(await names(dir), ['notes', 'version.json'])
})

test('audit: each operation is in the table', async (t) => {
  const dir = await folder(t)
  const said = await run('audit', dir)
  for (const line of [
    /^writeFileAtomic +2 +0 /m,
    /^rotateFile +1 +0 /m,
    /^readFileRetry +0 +1 /m,
    /^batch +1 +0 /m,
    /^mergeConfig +1 +0 /m,
    /^7 records of 1 session/m,
    /^1 failed with ERR_NO_SUCH_FILE$/m,
  ])
    t.regex(said, line)
  t.deepEqual(await names(dir), ['a.json', 'all.json', 'app.log.1.gz', 'audit.jsonl', 'b.txt'])
})

test('recovery: what was changed is as it was, the last change first', async (t) => {
  const dir = await folder(t)
  t.is(
    await run('recovery', dir),
    [
      'the migration failed',
      'undone delete old.db',
      'undone create new.db',
      'undone write settings.ini',
      'port=80\n\n',
    ].join('\n'),
  )
  t.deepEqual(await names(dir), ['old.db', 'settings.ini'])
})

test('power-cut: the test of a user passes', async (t) => {
  t.regex(await run('power-cut'), /'ann \| hello ann'/)
})

test('receiver: a sender that is cut off goes on, also with a receiver that was killed meanwhile', async (t) => {
  const dir = await folder(t)
  const content = randomBytes(300_000)
  const digest = createHash('sha256').update(content).digest('hex')
  const header = `${JSON.stringify({ name: '../../a.bin', size: content.length, digest })}\n`

  /** A receiver that runs, and what it says, line by line. */
  const start = async () => {
    const child = spawn(process.execPath, [join(EXAMPLES, 'receiver.js'), dir])
    t.teardown(() => child.kill('SIGKILL'))
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const [host, port] = (await lines.next()).value.split(':')
    return { child, lines, host, port: Number(port) }
  }
  /** Connects, and says how the receiver answers: the position, and what comes then. */
  const begin = async ({ host, port }: { host: string; port: number }) => {
    const socket = connect(port, host)
    t.teardown(() => socket.destroy())
    socket.write(header)
    const answers = createInterface(socket)[Symbol.asyncIterator]()
    return { socket, answers, position: Number((await answers.next()).value) }
  }

  const first = await start()
  const one = await begin(first)
  t.is(one.position, 0)
  one.socket.end(content.subarray(0, 100_000))
  await once(one.socket, 'close')
  const two = await begin(first)
  t.is(two.position, 100_000)
  two.socket.destroy()
  first.child.kill('SIGKILL')
  await once(first.child, 'close')

  const second = await start()
  const three = await begin(second)
  t.is(three.position, 100_000)
  // the wrong rest: all of it comes again
  three.socket.write(Buffer.alloc(200_000))
  t.is((await three.answers.next()).value, 'again')
  three.socket.write(content)
  t.is((await three.answers.next()).value, 'ok')
  t.is((await second.lines.next()).value, 'a.bin is there')
  t.true((await readFile(join(dir, 'a.bin'))).equals(content))
  t.deepEqual(await names(dir), ['a.bin'])
})

test('each example is run here, is on the page of examples, and says how it is used', async (t) => {
  const all = (await readdir(EXAMPLES))
    .filter((name) => name.endsWith('.js'))
    .map((name) => name.slice(0, -3))
  t.deepEqual(all.sort(), ['audit', 'power-cut', 'receiver', 'recovery', 'transaction', 'update', 'write'])
  const page = await readFile(new URL('../../../examples/README.md', import.meta.url), 'utf8')
  for (const name of all) t.true(page.includes(`(files/${name}.ts)`), name)
  for (const name of all.filter((name) => name !== 'power-cut')) {
    await t.throwsAsync(run(name), { code: 2, message: /usage: / } as object, name)
  }
})
