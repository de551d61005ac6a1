import { EventEmitter } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { Keys, type Pausable } from '../../lib/cli/ui/keys.js'
import type { Io } from '../../lib/cli/ui/reporter.js'
import { Screen, screenFolder } from '../helpers/screen.js'

/** A terminal, and what of the process the keys use. */
function terminal() {
  const modes: boolean[] = []
  const raised: string[] = []
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => void modes.push(isRaw),
  })
  const at = { isInForeground: true }
  const emitter = new EventEmitter()
  const keys = new Keys(stdin as unknown as Io['stdin'], {
    isInForeground: () => at.isInForeground,
    raise: (signal) => raised.push(`${signal}, raw: ${modes.at(-1)}`),
    process: emitter,
  })
  const type = async (text: string) => {
    stdin.write(text)
    await setImmediate()
  }
  return { keys, stdin, modes, raised, at, process: emitter, type, isRaw: () => modes.at(-1) ?? false }
}

function pausable(): Pausable & { said: string[] } {
  const said: string[] = []
  let isPaused = false
  return {
    said,
    get pausedBy() {
      return isPaused ? 'here' : null
    },
    pause() {
      said.push('pause')
      isPaused = true
    },
    resume() {
      said.push('resume')
      isPaused = false
    },
  }
}

test('p pauses and goes on; other keys, and keys that have a P in their code, do nothing', async (t) => {
  const it = terminal()
  const one = pausable()
  it.keys.add(one)
  t.true(it.isRaw())
  for (const key of ['p', 'x', '\u001bOP', '\u001b[A', 'pasted text with p', 'P']) await it.type(key)
  t.deepEqual(one.said, ['pause', 'resume'])
  it.keys.delete(one)
  t.false(it.isRaw())
  t.true(it.stdin.isPaused())
  await it.type('p')
  t.deepEqual(one.said, ['pause', 'resume'])
  t.is(it.process.listenerCount('SIGCONT'), 0)
})

test('one key is for all that runs: it pauses what does not pause, and lets all go on', async (t) => {
  const it = terminal()
  const [one, two] = [pausable(), pausable()]
  it.keys.add(one)
  await it.type('p')
  it.keys.add(two)
  await it.type('p')
  await it.type('p')
  t.deepEqual(
    [one.said, two.said],
    [
      ['pause', 'pause', 'resume'],
      ['pause', 'resume'],
    ],
  )
})

test('keys that a terminal makes signals of do so still, and who may end us finds the terminal as it was', async (t) => {
  const it = terminal()
  it.keys.add(pausable())
  for (const key of ['\u0003', '\u001a', '\u001c']) await it.type(key)
  t.deepEqual(it.raised, ['SIGINT, raw: true', 'SIGTSTP, raw: false', 'SIGQUIT, raw: false'])
  t.true(it.isRaw(), 'nobody has stopped it')
})

test('in the background the terminal is left alone, until it is ours again', async (t) => {
  const it = terminal()
  it.at.isInForeground = false
  const one = pausable()
  it.keys.add(one)
  t.deepEqual(it.modes, [])
  it.at.isInForeground = true
  it.process.emit('SIGCONT')
  t.true(it.keys.isListening)
  // stopped by somebody else, and sent to the background
  it.at.isInForeground = false
  const { length } = it.modes
  it.process.emit('SIGCONT')
  t.false(it.keys.isListening)
  it.keys.delete(one)
  t.is(it.modes.length, length)
})

test('a question has the terminal for itself', async (t) => {
  const it = terminal()
  const one = pausable()
  it.keys.add(one)
  await it.keys.without(async () => {
    t.false(it.isRaw())
    t.is(it.stdin.listenerCount('data'), 0)
    it.stdin.resume()
    await it.type('p')
  })
  t.true(it.isRaw())
  await it.type('p')
  t.deepEqual(one.said, ['pause'])
})

/** A sender of half a megabyte, slow enough for a person, and its receiver, both at terminals. */
async function atTerminals(t: ExecutionContext<unknown>, shell?: string) {
  const cwd = await screenFolder(t)
  await writeFile(join(cwd, 'film'), Buffer.alloc(500_000))
  const options = { cwd, columns: 80 }
  const receiver = await Screen.of(t, ['receive', '--plain', '--once', '--yes', '--dir', 'in'], options)
  await receiver.shows(/Ctrl-C stops/)
  const [address] = /(?<=--to )\S+/.exec(receiver.raw)!
  const send = ['send', 'film', '--limit', '200k', '--to', address]
  const sender = await Screen.of(t, send, { ...options, ...(shell && { shell }) })
  await sender.shows(/film\s.*%/)
  return { receiver, sender }
}

test('both sides show a pause by key, and go on', async (t) => {
  const { receiver, sender } = await atTerminals(t)
  sender.type('p')
  await sender.shows(/paused; p goes on/)
  await receiver.shows(/paused by the sender/)
  receiver.type('p')
  await sender.shows(/paused, and by the receiver; p goes on/)
  sender.type('p')
  await sender.shows(/paused by the receiver/)
  receiver.type('p')
  t.is(await sender.ended, 0)
  t.is(await receiver.ended, 0)
  t.regex(sender.text, /1 file sent/)
})

test('Ctrl-C stops in a pause too, and says so', async (t) => {
  const { receiver, sender } = await atTerminals(
    t,
    '"$0" "$@"; set -- $?; stty -a | grep -o -- "-*icanon"; (exit $1)',
  )
  sender.type('p')
  await receiver.shows(/paused by the sender/)
  sender.type('\u0003')
  t.is(await sender.ended, 130)
  t.regex(sender.text, /^icanon$/m)
  t.is(await receiver.ended, 4)
})

test('Ctrl-Z stops the program with the terminal as it was; in the foreground it goes on, and hears keys again', async (t) => {
  const { receiver, sender } = await atTerminals(t, 'set -m; "$0" "$@"; stty -a | grep -o -- "-*icanon"; fg')
  sender.type('\u001a')
  await sender.shows(/\bicanon/)
  t.notRegex(sender.text, /-icanon/)
  await sender.shows(/film\s.*%/)
  sender.type('p')
  await receiver.shows(/paused by the sender/)
  sender.type('p')
  t.is(await sender.ended, 0)
})

test('in the background it goes on without keys', async (t) => {
  const { receiver, sender } = await atTerminals(t, 'set -m; "$0" "$@" & wait $!')
  t.is(await sender.ended, 0)
  t.is(await receiver.ended, 0)
})
