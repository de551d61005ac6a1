import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { manifestFrom, receive, send } from '../../lib/index.js'
import { connect } from '../../lib/peers/connect.js'
import { decodeTicket } from '../../lib/peers/ticket.js'
import { Command } from '../helpers/command.js'
import { temporary } from '../helpers/folders.js'
import { someone } from '../helpers/secure.js'

// What a peer says is data, whoever has proved to be that peer: nothing of it may act on a terminal or make a line.

/** Clears the screen, sets the title, turns the direction of text, and begins what looks like a line of ours. */
const EVIL = 'x\u001b[2J\u001b]0;title\u0007\u009b31m\u202e\r\nsluice: all is well'

/** Asserts that a text holds nothing but lines of what can be seen. */
function isPlain(t: ExecutionContext<unknown>, text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  t.notRegex(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/)
  t.notRegex(text, /^sluice: all is well/m)
}

/** The command as a listener on a secure channel, and a peer that has its ticket. */
async function met(t: ExecutionContext<unknown>, args: string[]) {
  const folder = await temporary(t)
  const log = join(folder, 'log')
  const env = { SLUICE_HOME: join(folder, 'home') }
  const flags = ['--listen', '127.0.0.1:0', '--verbose', '--log', log]
  const command = new Command(t, [...args, ...flags], { env, cwd: folder })
  const ticket = await command.line()
  const { duplex } = await connect(decodeTicket(ticket), { identity: someone() })
  t.teardown(() => duplex.destroy())
  const ended = async () => {
    const { code, out, err } = await command.ended
    const kept = await readFile(log, 'utf8')
    for (const text of [out, err, kept]) isPlain(t, text)
    return { code, err, kept }
  }
  return { folder, duplex, ended }
}

test('an offer of a proved peer, its name and the names in it are escaped, to people and in the log', async (t) => {
  const { duplex, ended } = await met(t, ['receive', '--once', '--yes', '--dir', 'in'])
  const transfer = send(duplex, manifestFrom(Readable.from([Buffer.from('content')]), { name: EVIL }))
  await transfer.finished.catch(() => {})
  const { err, kept } = await ended()
  t.true(err.includes('x\\u{1b}[2J'), err)
  t.true(kept.includes(transfer.id), kept)
})

test('so is why a proved sender has cancelled', async (t) => {
  const { duplex, ended } = await met(t, ['receive', '--once', '--yes', '--dir', 'in'])
  const endless = new Readable({ read() {} })
  endless.push('begun')
  const transfer = send(duplex, manifestFrom(endless, { name: 'endless' }))
  transfer.on('state', (state) => state === 'sending' && void transfer.cancel(EVIL))
  await t.throwsAsync(transfer.finished)
  const { code, err, kept } = await ended()
  t.is(code, 4, err)
  for (const text of [err, kept]) t.true(text.includes('x\\u{1b}[2J'), text)
})

test('so is why a proved receiver says no', async (t) => {
  const folder = await temporary(t)
  await writeFile(join(folder, 'file'), 'content')
  const { duplex, ended } = await met(t, ['send', join(folder, 'file')])
  const transfer = receive(duplex, {
    dir: join(folder, 'in'),
    accept: async () => ({ accept: false, reason: EVIL }),
  })
  await t.throwsAsync(transfer.finished)
  const { code, err, kept } = await ended()
  t.is(code, 3, err)
  for (const text of [err, kept]) t.true(text.includes('x\\u{1b}[2J'), text)
})

test('a name for a peer that could act on a terminal is refused, and is shown escaped', async (t) => {
  const env = { SLUICE_HOME: await temporary(t) }
  const key = (await new Command(t, ['identity'], { env }).ended).out
  for (const args of [
    ['peers', 'add', EVIL, key],
    ['peers', 'remove', EVIL],
    ['send', 'x', '--to', EVIL],
    ['receive', EVIL],
    ['receive', '--allow', EVIL],
    ['verify', 'x', '--by', EVIL],
  ]) {
    const { code, out, err } = await new Command(t, args, { env }).ended
    t.is(code, 2, `${args.join(' ')}: ${err}`)
    for (const text of [out, err]) isPlain(t, text)
  }
  await writeFile(
    join(env.SLUICE_HOME, 'peers.json'),
    JSON.stringify({ version: 1, peers: [{ name: EVIL, key, addresses: [EVIL] }] }),
  )
  const { code, out, err } = await new Command(t, ['peers', 'list'], { env }).ended
  t.is(code, 1, err)
  for (const text of [out, err]) isPlain(t, text)
})
