import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import type { SluiceError } from '../../../lib/errors.js'
import { type CommandOptions, command } from '../../../lib/peers/connectors/command.js'
import { tcp } from '../../../lib/peers/connectors/tcp.js'
import { wordsOf } from '../../../lib/peers/connectors/words.js'
import { connectorConformance, FakeClock, randomContent } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'
import { temporary } from '../../helpers/folders.js'
import { errorAtClose, heardOn } from '../../helpers/heard.js'

const CHILD = fileURLToPath(new URL('../../helpers/stdio-child.js', import.meta.url))

/** Through a process whose standard input and output lead to a TCP port. */
conforms(
  'command and stdio',
  connectorConformance(() => ({
    connector: {
      takes: () => true,
      connect: (address, options) => command([process.execPath, CHILD, address]).connect(address, options),
    },
    address: '127.0.0.1:0',
    listen: tcp().listen!,
  })),
)

/** A program of JavaScript. */
const program = (source: string) => [process.execPath, '-e', source]

/** A connection to it, and what it told on its standard error. */
async function connected(t: ExecutionContext<unknown>, source: string, options: CommandOptions = {}) {
  const lines: string[] = []
  const duplex = await command(program(source), { onLine: (line) => lines.push(line), ...options }).connect(
    '',
  )
  t.teardown(() => duplex.destroy())
  return { duplex, lines }
}

/** How a connection ends, and all that came over it. */
async function ending(duplex: Duplex): Promise<{ heard: string; error: SluiceError | null }> {
  const heard: string[] = []
  duplex.on('data', (chunk) => heard.push(String(chunk)))
  const error = (await errorAtClose(duplex)) as SluiceError | null
  return { heard: heard.join(''), error }
}

test('the words of a line are divided as in a shell, and mean nothing else', (t) => {
  const cases: [string, string[]][] = [
    ['ssh host sluice receive --stdio', ['ssh', 'host', 'sluice', 'receive', '--stdio']],
    ['  a\tb\n c  ', ['a', 'b', 'c']],
    [`ssh -o 'ProxyCommand=nc -X 5' "my host"`, ['ssh', '-o', 'ProxyCommand=nc -X 5', 'my host']],
    [`a"b c"'d e'f`, ['ab cd ef']],
    [`a '' ""`, ['a', '', '']],
    [String.raw`a\ b \" \' \\ "x\"y\\z\n"`, ['a b', '"', "'", '\\', 'x"y\\z\\n']],
    [String.raw`C:\Tools\ssh.exe a\b`, ['C:\\Tools\\ssh.exe', 'a\\b']],
    [`a | b > $HOME *.txt; c && d`, ['a', '|', 'b', '>', '$HOME', '*.txt;', 'c', '&&', 'd']],
    ['', []],
  ]
  for (const [line, words] of cases) t.deepEqual(wordsOf(line), words, line)
  for (const open of [`a 'b`, `a "b`, `a "b\\"`, `'`])
    t.throws(() => wordsOf(open), { code: 'ERR_USAGE', message: /is not closed/ }, open)
})

test('words that are quoted come out as they were', (t) => {
  const quoted = (word: string) => `"${word.replace(/["\\]/g, '\\$&')}"`
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom('a', ' ', '"', "'", '\\', '\n', 'é') })),
      (words) => t.deepEqual(wordsOf(words.map(quoted).join(' ')), words),
    ),
  )
})

test('what is no command is named', async (t) => {
  for (const wrong of ['', '  ', [], ['', 'a'], ['a\0'], [1], undefined])
    t.throws(() => command(wrong as string), { code: 'ERR_USAGE', message: /the command must be/ })
  t.throws(() => command('a', { online: () => {} } as never), {
    code: 'ERR_USAGE',
    message: /did you mean onLine/,
  })
  await t.throwsAsync(command('/no/such/program').connect(''), {
    code: 'ERR_USAGE',
    message: 'the command /no/such/program cannot be run: there is no such program',
  })
})

test('standard error comes line by line, escaped, and long lines in pieces', async (t) => {
  const { duplex, lines } = await connected(
    t,
    String.raw`process.stderr.write('a\x1b[31m\r\nb\u202e\n\nlong ' + 'x'.repeat(5000) + '\nlast'); process.stdin.resume()`,
  )
  duplex.end()
  t.is((await ending(duplex)).error, null)
  t.deepEqual(lines.slice(0, 2), ['a\\u{1b}[31m', 'b\\u{202e}'])
  t.is(lines.at(-1), 'last')
  t.true(lines.every((line) => line.length <= 2001))
})

test('one that ends badly fails the connection behind its last byte, with its status and its last line', async (t) => {
  const { duplex } = await connected(
    t,
    `process.stdout.write('x'.repeat(200_000)); process.stderr.write('no\\nno room\\n'); process.exitCode = 3`,
  )
  const { heard, error } = await ending(duplex)
  t.is(heard.length, 200_000)
  t.like(error, { code: 'ERR_INTERRUPTED', found: 3 })
  t.is(error!.message, `the command ${process.execPath} ended with exit status 3; it said: no room`)
})

test('who reads only afterwards gets the last word first, and then what went wrong', async (t) => {
  const { duplex, lines } = await connected(
    t,
    `console.error(process.pid); process.stdout.write('bye', () => process.exit(5))`,
  )
  duplex.on('error', () => {})
  // it is there, and nobody takes it
  await once(duplex, 'readable')
  while (lines.length === 0 || isAlive(Number(lines[0]))) await new Promise(setImmediate)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  t.is(duplex.errored, null)
  const { heard, error } = await ending(duplex)
  t.is(heard, 'bye')
  t.like(error, { found: 5 })
})

test('one that says nothing and ends was never reached', async (t) => {
  const { duplex } = await connected(t, `console.error('no way to host'); process.exit(255)`)
  t.like((await ending(duplex)).error, { code: 'ERR_UNREACHABLE', found: 255 })
  const killed = await connected(t, `process.kill(process.pid, 'SIGKILL')`)
  const { error } = await ending(killed.duplex)
  t.like(error, { code: 'ERR_UNREACHABLE', found: 'SIGKILL' })
  t.regex(error!.message, /was ended by SIGKILL$/)
})

test('a writer is told why nobody takes what it writes', async (t) => {
  const { duplex } = await connected(t, `console.error('enough'); process.exit(4)`)
  duplex.pause()
  duplex.on('error', () => {})
  const error = await new Promise<unknown>((resolve) => {
    const write = () =>
      duplex.write(Buffer.alloc(65_536), (failure) => (failure ? resolve(failure) : write()))
    write()
  })
  t.regex(String(error), /ended with exit status 4; it said: enough/)
})

test('one that has ended in order ends the connection in order, also if it does not read all', async (t) => {
  const { duplex } = await connected(t, `process.stdout.write('bye', () => process.exit(0))`)
  const { heard, error } = await ending(duplex.end())
  t.is(heard, 'bye')
  t.is(error, null)
})

test('one that is gone in order needs no end', async (t) => {
  const { duplex, lines } = await connected(
    t,
    `console.error(process.pid); process.stdout.write('bye')
    process.stdin.once('data', () => process.exit(0))`,
  )
  duplex.write('x')
  t.is(String(await heardOn(duplex)), 'bye')
  while (isAlive(Number(lines[0]))) await new Promise(setImmediate)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  t.is(await errorAtClose(duplex.end()), null)
})

test('one that closes its output may still read', async (t) => {
  const { duplex } = await connected(
    t,
    `process.stdout.end('over'); let n = 0; process.stdin.on('data', (c) => { n += c.length })
    process.stdin.on('end', () => process.exit(n === 100_000 ? 0 : 1))`,
  )
  t.is(String(await heardOn(duplex)), 'over')
  t.is(await errorAtClose(duplex.end(Buffer.alloc(100_000))), null)
})

/** The number of a program that says it first. */
async function pidOf(duplex: Duplex): Promise<number> {
  const [said] = await once(duplex, 'data')
  return Number(String(said))
}
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Where there are no groups of processes, Ctrl-C goes another way. */
const posix = process.platform === 'win32' ? test.skip : test

posix('Ctrl-C at the terminal is none for it: whoever connects ends in order, and then it', async (t) => {
  const duplex = await command(['sh', '-c', 'echo $$; exec cat']).connect('')
  t.teardown(() => duplex.destroy())
  const pid = await pidOf(duplex)
  process.kill(pid, 'SIGINT')
  const heard = heardOn(duplex)
  duplex.end('still there')
  t.is(String(await heard), 'still there')
  t.is(await errorAtClose(duplex), null)
})

posix('a program that may not be run is named', async (t) => {
  const folder = await temporary(t)
  await writeFile(join(folder, 'closed'), '#!/bin/sh\n')
  const message = /^the command .*closed cannot be run: .*(EACCES|permission)/i
  await t.throwsAsync(command([join(folder, 'closed')]).connect(''), { code: 'ERR_USAGE', message })
  const inPath = command(['closed'], { env: { PATH: `/no/such/folder:${folder}` } })
  await t.throwsAsync(inPath.connect(''), { code: 'ERR_USAGE', message })
})

test('it is ended when the connection is destroyed', async (t) => {
  const { duplex } = await connected(
    t,
    `process.stdout.write(String(process.pid)); setInterval(() => {}, 1000)`,
  )
  const pid = await pidOf(duplex)
  t.true(isAlive(pid))
  duplex.destroy()
  await once(duplex, 'close')
  t.false(isAlive(pid))
})

test('one that does not listen is killed, and one that lingers behind the end, too', async (t) => {
  for (const how of ['destroyed', 'ended']) {
    const { duplex } = await connected(
      t,
      `process.on('SIGTERM', () => {}); process.stdout.end(String(process.pid)); setInterval(() => {}, 1000)`,
      { clock: new FakeClock({ auto: true }) },
    )
    const pid = await pidOf(duplex)
    if (how === 'destroyed') duplex.destroy()
    else duplex.resume().end()
    t.is(await errorAtClose(duplex), null, how)
    // by that clock no time has gone by for it to end in
    while (isAlive(pid)) await new Promise(setImmediate)
  }
})

test('over the pipes of a shell, which nobody can close on one side alone, all comes to its end', async (t) => {
  const child = fileURLToPath(new URL('../../helpers/echo-child.js', import.meta.url))
  const line = `sh -c 'cat | "${process.execPath}" "${child}" | cat'`
  const duplex = await command(line).connect('')
  t.teardown(() => duplex.destroy())
  const content = randomContent(1_000_000)
  const heard = heardOn(duplex)
  duplex.end(content)
  t.true(content.equals(await heard))
  t.is(await errorAtClose(duplex), null)
})
