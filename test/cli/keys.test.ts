import { EventEmitter } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { Controls, type Steered } from '../../lib/cli/ui/input/controls.js'
import type { Io } from '../../lib/cli/ui/io.js'
import { Rate } from '../../lib/stages/bytes/rate.js'
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
  const shown: (string | undefined)[] = []
  const said: string[] = []
  const screen = {
    line: (text: string) => void said.push(text),
    show: (_what: object, drawn: (columns: number, others: number) => readonly string[]) =>
      void shown.push(drawn(80, 80)[0]),
    over: () => void shown.push(undefined),
    redraw: () => {},
  }
  const controls = new Controls(stdin as unknown as Io['stdin'], screen, {
    isInForeground: () => at.isInForeground,
    raise: (signal) => raised.push(`${signal}, raw: ${modes.at(-1)}`),
    process: emitter,
  })
  const type = async (text: string) => {
    stdin.write(text)
    await setImmediate()
  }
  const isRaw = () => modes.at(-1) ?? false
  return { controls, shown, said, stdin, modes, raised, at, process: emitter, type, isRaw }
}

function steered(rate = 0): Steered & { said: string[] } {
  const said: string[] = []
  let isPaused = false
  return {
    said,
    progress: { rate },
    async cancel() {
      said.push('cancel')
    },
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
  const one = steered()
  it.controls.add(one)
  t.true(it.isRaw())
  for (const key of ['p', 'x', '\u001bOP', '\u001b[A', 'pasted text with p', 'P']) await it.type(key)
  t.deepEqual(one.said, ['pause', 'resume'])
  it.controls.delete(one)
  t.false(it.isRaw())
  t.true(it.stdin.isPaused())
  await it.type('p')
  t.deepEqual(one.said, ['pause', 'resume'])
  t.is(it.process.listenerCount('SIGCONT'), 0)
})

test('keys that come together are pressed one after the other, and a text that was pasted is none', async (t) => {
  const it = terminal()
  const one = steered()
  it.controls.add(one)
  it.controls.limitBy(new Rate(400_000))
  for (const keys of ['pp', '--', '++-', 'policy', 'p\u001b[A']) await it.type(keys)
  t.deepEqual(one.said, ['pause', 'resume'])
  t.is(it.controls.limit, 200_000)
  await it.type('cncy')
  t.deepEqual(one.said, ['pause', 'resume', 'cancel'])
})

test('one key is for all that runs: it pauses what does not pause, and lets all go on', async (t) => {
  const it = terminal()
  const [one, two] = [steered(), steered()]
  it.controls.add(one)
  await it.type('p')
  it.controls.add(two)
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
  it.controls.add(steered())
  for (const key of ['\u0003', '\u001a', '\u001c']) await it.type(key)
  t.deepEqual(it.raised, ['SIGINT, raw: true', 'SIGTSTP, raw: false', 'SIGQUIT, raw: false'])
  t.true(it.isRaw(), 'nobody has stopped it')
})

test('in the background the terminal is left alone, until it is ours again', async (t) => {
  const it = terminal()
  it.at.isInForeground = false
  const one = steered()
  it.controls.add(one)
  t.deepEqual(it.modes, [])
  it.at.isInForeground = true
  it.process.emit('SIGCONT')
  t.true(it.controls.areHeard)
  // stopped by somebody else, and sent to the background
  it.at.isInForeground = false
  const { length } = it.modes
  it.process.emit('SIGCONT')
  t.false(it.controls.areHeard)
  it.controls.delete(one)
  t.is(it.modes.length, length)
})

test('a question has the terminal for itself', async (t) => {
  const it = terminal()
  const one = steered()
  it.controls.add(one)
  await it.controls.without(async () => {
    t.false(it.isRaw())
    t.is(it.stdin.listenerCount('data'), 0)
    it.stdin.resume()
    await it.type('p')
  })
  t.true(it.isRaw())
  await it.type('p')
  t.deepEqual(one.said, ['pause'])
})

test('c asks, and only y after it cancels all that runs; another key takes it back, and does nothing else', async (t) => {
  const it = terminal()
  const [one, two] = [steered(), steered()]
  it.controls.add(one)
  it.controls.add(two)
  for (const key of ['y', 'c', 'c', 'c', 'p', 'y', 'policy']) await it.type(key)
  t.deepEqual(one.said, [])
  const question = 'Cancel both? What came is kept. (y / n)'
  t.deepEqual(it.shown, [question, undefined, question, undefined])
  for (const key of ['c', 'y']) await it.type(key)
  t.deepEqual([one.said, two.said], [['cancel'], ['cancel']])
})

test('the question whether to cancel says how much it is about', async (t) => {
  const it = terminal()
  for (const about of [/^Cancel\? /, /^Cancel both\? /, /^Cancel all 3\? /]) {
    it.controls.add(steered())
    await it.type('c')
    t.regex(it.shown.at(-1)!, about)
    await it.type('n')
  }
})

test('a question whether to cancel goes with what it was about', async (t) => {
  const it = terminal()
  const [one, two] = [steered(), steered()]
  it.controls.add(one)
  await it.type('c')
  it.controls.delete(one)
  t.is(it.shown.at(-1), undefined)
  it.controls.add(two)
  await it.type('y')
  t.deepEqual(two.said, [])
})

test('keys are heard, and not shown, also between the transfers of something that goes on', async (t) => {
  const it = terminal()
  let end = () => {}
  it.controls.listenUntil(new Promise<void>((resolve) => (end = resolve)))
  t.true(it.isRaw())
  for (const key of ['p', 'c', 'y', '-']) await it.type(key)
  t.deepEqual(it.shown, [])
  const one = steered()
  it.controls.add(one)
  await it.type('p')
  t.deepEqual(one.said, ['pause'])
  it.controls.delete(one)
  t.true(it.isRaw())
  end()
  await setImmediate()
  t.false(it.isRaw())
})

test('- and + halve and double the limit; where there is none it begins with the present rate', async (t) => {
  const it = terminal()
  const rate = new Rate()
  it.controls.limitBy(rate)
  for (const bytes of [1_234_567, 20_000]) it.controls.add(steered(bytes))
  const limits: (number | null)[] = []
  for (const key of '+--++') {
    await it.type(key)
    limits.push(it.controls.limit)
  }
  t.deepEqual(limits, [null, 1_200_000, 600_000, 1_200_000, 2_400_000])
  for (let times = 0; times < 20; times++) await it.type('-')
  t.is(it.controls.limit, 16_000)
  rate.limit = 1000
  await it.type('-')
  t.is(it.controls.limit, 1000)
  rate.limit = 6e8
  await it.type('+')
  t.is(it.controls.limit, null)
})

test('people are told of the keys once, when something has run for a while and keys are heard', (t) => {
  const it = terminal()
  it.controls.hint(6000)
  it.controls.add(steered())
  it.controls.hint(4000)
  t.deepEqual(it.said, [])
  it.controls.hint(6000)
  it.controls.hint(7000)
  t.deepEqual(it.said, ['keys: p pauses, and goes on; c cancels'])
})

/** A sender of half a megabyte, slow enough for a person, and its receiver, both at terminals. */
async function atTerminals(t: ExecutionContext<unknown>, shell?: string, flags = ['--once']) {
  const cwd = await screenFolder(t)
  await writeFile(join(cwd, 'film'), Buffer.alloc(500_000))
  const options = { cwd, columns: 80 }
  const receiver = await Screen.of(t, ['receive', '--plain', ...flags, '--yes', '--dir', 'in'], options)
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

test('a receiver that cancels by key ends what runs, and goes on listening', async (t) => {
  const { receiver, sender } = await atTerminals(t, undefined, [])
  await receiver.shows(/film\s.*%/)
  receiver.type('c')
  await receiver.shows(/Cancel\?/)
  receiver.type('y')
  await receiver.shows(
    /film: cancelled before the end; .*Run the sender again for the rest\s+waiting for the next/s,
  )
  t.notRegex(receiver.text, /warning/)
  t.is(await sender.ended, 4)
  t.regex(sender.text, /cancelled by the receiver before the end.*\nsluice: cancelled by the peer$/s)
  receiver.type('\u0003')
  t.is(await receiver.ended, 130)
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

test('what is typed while a watch waits is not shown on either side, and Ctrl-C ends it still', async (t) => {
  const cwd = await screenFolder(t)
  await writeFile(join(cwd, 'film'), 'one')
  const options = { cwd, columns: 80 }
  const shell = '"$0" "$@"; set -- $?; stty -a | grep -o -- "-*icanon"; (exit $1)'
  const receive = ['receive', '--plain', '--once', '--yes', '--dir', 'in']
  const receiver = await Screen.of(t, receive, { ...options, shell })
  await receiver.shows(/Ctrl-C stops/)
  const [address] = /(?<=--to )\S+/.exec(receiver.raw)!
  const sender = await Screen.of(t, ['send', 'film', '--watch', '--to', address], { ...options, shell })
  await Promise.all([sender.shows(/watching film/), receiver.shows(/waiting for what changes/)])
  for (const side of [sender, receiver]) side.type('xyz')
  await writeFile(join(cwd, 'film'), 'another')
  await Promise.all([sender.shows(/film sent/), receiver.shows(/film in in/)])
  sender.type('\u0003')
  for (const side of [sender, receiver]) {
    t.is(await side.ended, 0)
    t.notRegex(side.raw, /xyz/)
    t.regex(side.text, /^icanon$/m)
  }
})
