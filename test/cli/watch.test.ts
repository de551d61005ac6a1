// `sluice send --watch`: two people, of whom one goes on sending what changes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { decodeTicket, encodeTicket } from '../../lib/peers/ticket.js'
import { randomContent } from '../../lib/testing/index.js'
import type { Command } from '../helpers/command.js'
import { listing, plant, temporary } from '../helpers/folders.js'
import { serverOf } from '../helpers/relay.js'
import { HERE, newUser } from '../helpers/user.js'

const LARGE = randomContent(50_000_000)

/** Anna has photos, and Bob an empty folder. */
async function scene(t: ExecutionContext<unknown>, large = randomContent(300_000)) {
  const [anna, bob, source, dir] = await Promise.all([newUser(t), newUser(t), temporary(t), temporary(t)])
  await plant(source, { 'photos/a.jpg': 'a', 'photos/large.bin': large, 'photos/none': null })
  const equal = async () => t.deepEqual(await listing(dir), await listing(source))
  return { anna, bob, photos: join(source, 'photos'), dir, there: join(dir, 'photos'), equal }
}

type Event = Record<string, unknown> & { event: string }

/** The events of a command up to the next one of a kind. */
async function until(command: Command, kind: string): Promise<Event[]> {
  const events: Event[] = []
  for (;;) {
    const line = await command.line()
    if (line === undefined) throw new Error(`it ended before ${kind}: ${(await command.ended).err}`)
    const event = JSON.parse(line) as Event
    events.push(event)
    if (event.event === kind) return events
  }
}

/** The events of a round, once all of `paths` were among the files. */
async function untilSent(command: Command, ...paths: string[]): Promise<Event[]> {
  const missing = new Set(paths)
  const all: Event[] = []
  while (missing.size > 0) {
    const events = await until(command, 'completed')
    for (const { event, path } of events) if (event === 'file') missing.delete(path as string)
    all.push(...events)
  }
  return all
}

const completed = (events: Event[]) => events.filter(({ event }) => event === 'completed')

test('what Anna changes is changed at Bob, and Ctrl-C ends both well', async (t) => {
  const { anna, bob, photos, dir, there, equal } = await scene(t, LARGE)
  const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...HERE])
  const sender = anna.start(['send', photos, '--watch', '--json', '--to', await receiver.line()])
  await until(sender, 'completed')
  await equal()
  const file = await open(join(photos, 'large.bin'), 'r+')
  await file.write(Buffer.from([LARGE[30_000_000]! ^ 1]), 0, 1, 30_000_000)
  await file.close()
  const bytes = completed(await untilSent(sender, 'photos/large.bin')).map((event) => Number(event.bytes))
  t.true(
    bytes.every((count) => count < 500_000),
    `${bytes} travelled`,
  )
  await mkdir(join(photos, 'new/deep'), { recursive: true })
  await writeFile(join(photos, 'new/deep/b.jpg'), 'b')
  await writeFile(join(photos, 'c.jpg'), 'c')
  await untilSent(sender, 'photos/c.jpg', 'photos/new/deep/b.jpg')
  await equal()
  t.deepEqual((await readdir(there)).sort(), ['a.jpg', 'c.jpg', 'large.bin', 'new', 'none'])
  sender.child.kill('SIGINT')
  const [sent, received] = await Promise.all([sender.ended, receiver.ended])
  t.is(sent.code, 0, sent.err)
  t.is(received.code, 0, received.err)
  t.true(received.err.includes('waiting for what changes there'), received.err)
})

test('what did not arrive is named when Ctrl-C ends it, exit 1', async (t) => {
  const { anna, bob, photos, dir } = await scene(t)
  await plant(dir, { 'photos/a.jpg': 'mine' })
  const conflict = ['--conflict', 'fail']
  const receiver = bob.start(['receive', '--once', '--yes', ...conflict, '--dir', dir, ...HERE])
  const sender = anna.start(['send', photos, '--watch', '--json', '--to', await receiver.line()])
  await until(sender, 'waiting')
  sender.child.kill('SIGINT')
  const { code, err } = await sender.ended
  t.is(code, 1, err)
  t.regex(err, /1 file did not arrive as they are now: photos\/a\.jpg/)
  t.is((await receiver.ended).code, 1)
})

test('a file that is written slowly comes once, and whole', async (t) => {
  const { anna, bob, photos, dir, there } = await scene(t)
  const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...HERE])
  const sender = anna.start(['send', photos, '--watch', '--json', '--to', await receiver.line()])
  await until(sender, 'completed')
  const script = 'for piece in one two three four; do echo $piece; sleep 0.05; done >slow.txt'
  await once(spawn('/bin/sh', ['-c', script], { cwd: photos }), 'close')
  const events = await untilSent(sender, 'photos/slow.txt')
  t.is(events.filter(({ event, path }) => event === 'file' && path === 'photos/slow.txt').length, 1)
  t.is(await readFile(join(there, 'slow.txt'), 'utf8'), 'one\ntwo\nthree\nfour\n')
})

test('what Bob has changed is not overwritten', async (t) => {
  const { anna, bob, photos, dir, there } = await scene(t)
  const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...HERE])
  const sender = anna.start(['send', photos, '--watch', '--json', '--to', await receiver.line()])
  await until(sender, 'completed')
  await writeFile(join(there, 'a.jpg'), 'of Bob')
  await writeFile(join(photos, 'a.jpg'), 'of Anna')
  await untilSent(sender, 'photos/a.jpg')
  t.is(await readFile(join(there, 'a.jpg'), 'utf8'), 'of Bob')
  t.is(await readFile(join(there, 'a_1.jpg'), 'utf8'), 'of Anna')
})

test('Bob may connect to Anna, who waits for him', async (t) => {
  const { anna, bob, photos, dir, equal } = await scene(t)
  const sender = anna.start(['send', photos, '--watch', '--json', ...HERE])
  const { address } = JSON.parse(await sender.line())
  const receiver = bob.start(['receive', address, '--yes', '--json', '--dir', dir])
  await until(sender, 'waiting')
  const events = await until(receiver, 'waiting')
  t.true(events.some(({ event, series }) => event === 'offer' && series === true))
  await writeFile(join(photos, 'a.jpg'), 'another')
  await untilSent(sender, 'photos/a.jpg')
  await equal()
  sender.child.kill('SIGTERM')
  const [sent, received] = await Promise.all([sender.ended, receiver.ended])
  t.is(sent.code, 0, sent.err)
  t.is(received.code, 0, received.err)
})

test('Bob stops: Anna is told, and ends as interrupted', async (t) => {
  const { anna, bob, photos, dir } = await scene(t)
  const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...HERE])
  const sender = anna.start(['send', photos, '--watch', '--json', '--to', await receiver.line()])
  await until(sender, 'completed')
  receiver.child.kill('SIGINT')
  const [sent, received] = await Promise.all([sender.ended, receiver.ended])
  t.is(sent.code, 4, sent.err)
  t.is(received.code, 130, received.err)
})

test('Anna stops before all was sent for the first time: it is cancelled, as without --watch', async (t) => {
  const { anna, bob, photos, dir } = await scene(t, LARGE)
  const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...HERE])
  const args = ['send', photos, '--watch', '--limit', '1M', '--json', '--to', await receiver.line()]
  const sender = anna.start(args)
  await until(sender, 'progress')
  sender.child.kill('SIGINT')
  t.is((await sender.ended).code, 130)
  t.is((await receiver.ended).code, 4)
})

/** Anna sends photos to a receiver of Bob over connections that are lost when `lose` is called. */
async function overLost(t: ExecutionContext<unknown>, ...receiving: string[]) {
  const all = await scene(t)
  const { anna, bob, photos, dir } = all
  const receiver = bob.start(['receive', '--yes', '--dir', dir, ...receiving, ...HERE])
  const ticket = decodeTicket(await receiver.line())
  const target = Number(ticket.addresses[0]!.split(':').at(-1))
  const connections: Socket[] = []
  const port = await serverOf(t, (near) => {
    const far = connect({ port: target, host: '127.0.0.1' })
    connections.push(near, far)
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
    near.pipe(far).pipe(near)
  })
  const to = encodeTicket({ ...ticket, addresses: [`127.0.0.1:${port}`] })
  const sender = anna.start(['send', photos, '--watch', '--retry', '5', '--json', '--to', to])
  await until(sender, 'completed')
  const lose = async () => {
    for (const connection of connections) connection.destroy()
    await until(sender, 'reconnecting')
  }
  return { ...all, receiver, sender, lose }
}

test('a connection that is lost is made again with --retry, and goes on there', async (t) => {
  const { photos, there, receiver, sender, lose } = await overLost(t)
  await lose()
  await writeFile(join(photos, 'a.jpg'), 'another')
  await untilSent(sender, 'photos/a.jpg')
  t.is(await readFile(join(there, 'a.jpg'), 'utf8'), 'another')
  t.deepEqual((await readdir(there)).sort(), ['a.jpg', 'large.bin', 'none'])
  sender.child.kill('SIGINT')
  t.is((await sender.ended).code, 0)
  receiver.child.kill('SIGTERM')
  const { err } = await receiver.ended
  t.true(err.includes('accepted before'), err)
})

test('after a break --delete removes nothing, and says so: what comes may be no more than what has changed', async (t) => {
  const { photos, there, receiver, sender, lose } = await overLost(t, '--delete', '--conflict', 'overwrite')
  await lose()
  await writeFile(join(photos, 'a.jpg'), 'another')
  await untilSent(sender, 'photos/a.jpg')
  t.deepEqual((await readdir(there)).sort(), ['a.jpg', 'large.bin', 'none'])
  sender.child.kill('SIGINT')
  await sender.ended
  receiver.child.kill('SIGTERM')
  t.true((await receiver.ended).err.includes('--delete removes nothing now'))
})

test('a receiver that cannot take what follows is named, when all was sent, with what to do', async (t) => {
  const { anna, bob, photos, dir, equal } = await scene(t)
  const receipt = join(await temporary(t), 'receipt')
  const receiver = bob.start(['receive', '--once', '--yes', '--receipt', receipt, '--dir', dir, ...HERE])
  const sent = await anna.run('send', photos, '--watch', '--to', await receiver.line())
  t.is(sent.code, 2, sent.err)
  t.true(sent.err.includes('takes only one transfer over a connection'), sent.err)
  t.true(sent.err.includes('--watch needs a receiver without --compress, --receipt and --stdout'), sent.err)
  t.is((await receiver.ended).code, 0)
  await equal()
})

test('a receiver with --compress is told from one that can be watched for', async (t) => {
  const { anna, bob, photos, dir } = await scene(t)
  const receiver = bob.start(['receive', '--yes', '--compress=auto', '--dir', dir, ...HERE])
  const sent = await anna.run('send', photos, '--watch', '--to', await receiver.line())
  t.not(sent.code, 0)
  t.true(sent.err.includes('--watch needs a receiver without --compress'), sent.err)
})

test('with --delete nothing goes but by the first transfer', async (t) => {
  const { anna, bob, photos, dir, there } = await scene(t)
  await plant(dir, { 'photos/old.jpg': 'old' })
  const mirroring = ['--delete', '--conflict', 'overwrite']
  const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...mirroring, ...HERE])
  const sender = anna.start(['send', photos, '--watch', '--json', '--to', await receiver.line()])
  await until(sender, 'completed')
  await appendFile(join(photos, 'a.jpg'), 'more')
  await untilSent(sender, 'photos/a.jpg')
  sender.child.kill('SIGINT')
  await Promise.all([sender.ended, receiver.ended])
  t.deepEqual((await readdir(there)).sort(), ['a.jpg', 'large.bin', 'none'])
})

test('two ordinary transfers of one sender do not replace each other', async (t) => {
  const { anna, bob, dir } = await scene(t)
  const address = await bob.start(['receive', '--yes', '--dir', dir, ...HERE]).line()
  for (const text of ['one', 'another']) {
    const root = await temporary(t)
    await plant(root, { 'report.txt': text })
    const sent = await anna.run('send', join(root, 'report.txt'), '--to', address)
    t.is(sent.code, 0, sent.err)
  }
  t.is(await readFile(join(dir, 'report.txt'), 'utf8'), 'one')
  t.is(await readFile(join(dir, 'report_1.txt'), 'utf8'), 'another')
})

test('what --watch cannot be combined with is refused', async (t) => {
  const anna = await newUser(t)
  const wrong = [
    ['-', '--name', 'x'],
    ['--text', 'hello'],
    ['.', '--dry-run'],
    ['.', '--many', '2'],
    ['.', '--compress=auto'],
  ]
  for (const args of wrong) {
    const { code, err } = await anna.run('send', '--watch', ...args)
    t.is(code, 2, err)
    t.true(err.includes('--watch is for files and folders'), err)
  }
})

test('the folder is removed and made again: Anna is told, and what is new comes', async (t) => {
  const { anna, bob, photos, dir, there } = await scene(t)
  await symlink('a.jpg', join(photos, 'link'))
  const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...HERE])
  const sender = anna.start(['send', photos, '--watch', '--json', '--to', await receiver.line()])
  const first = await until(sender, 'completed')
  t.like(first.at(-1), { leftOut: 1 })
  const warned = first.filter(({ event }) => event === 'warning')
  t.deepEqual(
    warned.map(({ path }) => path),
    [join(photos, 'link')],
  )
  await rm(photos, { recursive: true })
  t.like((await until(sender, 'warning')).at(-1), { code: 'ERR_NO_SUCH_FILE', path: photos })
  await mkdir(photos)
  await writeFile(join(photos, 'new'), 'new')
  await untilSent(sender, 'photos/new')
  t.is(await readFile(join(there, 'new'), 'utf8'), 'new')
  sender.child.kill('SIGINT')
  t.is((await sender.ended).code, 0)
})
