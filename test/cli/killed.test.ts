// Processes that are killed in the middle of a transfer, and the same commands again.
import { once } from 'node:events'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { limitRate, unfinishedTransfers } from '../../lib/index.js'
import { randomBySeed, randomContent } from '../../lib/testing/index.js'
import { Command } from '../helpers/command.js'
import { listing, plant, temporary } from '../helpers/folders.js'
import { LONG, scale } from '../helpers/scale.js'

const MB = 1_000_000
/** Bytes in all of a transfer: most of them in one file, the others in 40, small and large. */
const SIZE = scale(160, 1000) * MB
/** Transfers, each of which is killed until it is done. */
const TRANSFERS = scale(1, 21)

/** Random bytes, made of a block again and again, each time with another number in it. */
function content(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size, randomContent(Math.min(size, 99_991), seed))
  for (let at = 0; at + 4 <= size; at += 99_991) bytes.writeUInt32LE(at ^ seed, at)
  return bytes
}

function tree(): Record<string, Buffer> {
  const files: Record<string, Buffer> = { 'tree/large': content(0.6 * SIZE, 1) }
  for (let n = 0; n < 40; n++) files[`tree/${n % 4}/${n}`] = content(Math.round((n * SIZE) / 2000), n)
  return files
}

/** Bytes per second of the network between the two, which is what most people have at home and at work. */
const GIGABIT = 125 * MB

/** A network: passes on what a sender and a receiver say to each other, and counts what the sender says. */
async function relay(t: ExecutionContext, port: number, most: number, reached: () => void) {
  const server = createServer((near) => {
    const far: Socket = connect(port, '127.0.0.1')
    const paced = limitRate({ rate: GIGABIT }).on('data', ({ length }: Buffer) => {
      it.bytes += length
      if (it.bytes >= most) reached()
    })
    // what came is passed on, also where its sender is gone
    near.on('error', () => {}).on('close', () => paced.end())
    far.on('error', () => near.destroy()).on('close', () => near.end())
    near.pipe(paced).pipe(far).pipe(near)
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const it = { bytes: 0, port: (server.address() as { port: number }).port, close: () => server.close() }
  return it
}

/** Bytes that are there of what was sent: of files with their names, and of those that are on their way. */
async function there(dir: string): Promise<number> {
  const unfinished = (await unfinishedTransfers(dir)).flatMap(({ files }) => files)
  const ranges = unfinished.flatMap((file) => file.ranges)
  let bytes = ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  for (const path of await readdir(dir, { recursive: true })) {
    const stats = await stat(join(dir, path))
    if (stats.isFile() && !/\.part$|^\.sluice/.test(path)) bytes += stats.size
  }
  return bytes
}

/**
 * Bytes that may be lost of what was sent: the open block and one more; and what the receiving process has not read,
 * which the kernel throws away with a process that is killed, and with a connection that is reset.
 */
const MOST_LOST = 2 * 1024 * 1024 + 32 * MB

class Receiver extends Command {
  readonly port: Promise<number>

  constructor(t: ExecutionContext<unknown>, dir: string) {
    super(t, ['receive', '--plain', '--dir', dir, '--once', '--yes'])
    this.port = this.line().then((line) => Number(/:(\d+)/.exec(line)![1]))
  }
}

const sending = (t: ExecutionContext<unknown>, from: string, port: number, ...more: string[]) =>
  new Command(t, ['send', join(from, 'tree'), '--to', `127.0.0.1:${port}`, ...more])

test('killed at random moments, and run again until it is done: equal, and hardly anything is sent twice', async (t) => {
  t.timeout(scale(2, 60) * 60_000)
  const from = await plant(await temporary(t), tree())
  const whole = await listing(from)
  const random = randomBySeed(13)
  let kills = 0
  let worst = 0
  let most = 0
  for (let n = 0; n < TRANSFERS; n++) {
    const dir = join(await temporary(t), 'in')
    await mkdir(dir)
    let bytes = 0
    let before = 0
    for (let attempts = 1; ; attempts++) {
      const receiver = new Receiver(t, dir)
      // at least a hundredth goes through between two kills
      const part = LONG ? 0.01 + 0.11 * random() : 0.2 + 0.2 * random()
      const end = attempts > 60 ? Number.POSITIVE_INFINITY : part * SIZE
      const who = random() < 0.5 ? 'sender' : 'receiver'
      const kill = () => (who === 'sender' ? sender : receiver).child.kill('SIGKILL')
      const way = await relay(t, await receiver.port, end, kill)
      const sender = sending(t, from, way.port)
      const [sent, received] = await Promise.all([sender.ended, receiver.ended])
      way.close()
      bytes += way.bytes
      for (const [path, line] of Object.entries(await listing(dir)))
        if (line.startsWith('file') && !/\.part$|^\.sluice/.test(path)) t.is(line, whole[path]!, path)
      if (sent.code === 0 && received.code === 0) break
      kills++
      // who was killed has no exit status, and who was not says that it was interrupted
      const codes = who === 'sender' ? [null, 4] : [4, null]
      t.deepEqual([sent.code, received.code], codes, sent.err + received.err)
      const now = await there(dir)
      const lost = way.bytes - (now - before)
      t.true(lost <= MOST_LOST, `${lost} of ${way.bytes} bytes were lost with the ${who}`)
      most = Math.max(most, lost)
      before = now
    }
    t.deepEqual(await listing(dir), whole)
    t.deepEqual(await readdir(dir), ['tree'])
    worst = Math.max(worst, bytes / SIZE)
  }
  t.log(`${kills} kills in ${TRANSFERS} transfers: at most ${worst.toFixed(3)} of the size were sent`)
  t.log(`at most ${most} bytes were lost with a process`)
  // of little bytes, what a killed receiver has not read is much
  if (LONG) t.true(worst <= 1.1, String(worst))
  t.true(kills >= scale(2, 300), String(kills))
})

/** More than the system holds of what a process has sent and the next one has not read: it cannot all come before the kill. */
const MORE = content(64 * MB, 1)

/** A receiver of one transfer whose sender was killed, and would have come back. */
async function waiting(t: ExecutionContext<unknown>, from: string) {
  const dir = join(await temporary(t), 'in')
  const receiver = new Receiver(t, dir)
  const way = await relay(t, await receiver.port, 8 * MB, () => sender.child.kill('SIGKILL'))
  const sender = sending(t, from, way.port, '--retry', '10')
  await sender.ended
  return { dir, receiver }
}

test('a receiver of one transfer that waits for its sender takes the same command run again in its place', async (t) => {
  const from = await plant(await temporary(t), { 'tree/large': MORE, 'tree/small': 'small' })
  const { dir, receiver } = await waiting(t, from)
  const again = await sending(t, from, await receiver.port).ended
  t.is(again.code, 0, again.err)
  t.regex(again.err, /MB were there/)
  const { code, err } = await receiver.ended
  t.is(code, 0, err)
  t.regex(err, /waiting for the sender to come back/)
  t.deepEqual(await listing(dir), await listing(from))
})

test('a receiver of one transfer that waits for its sender leaves that to nobody else', async (t) => {
  const from = await plant(await temporary(t), { 'tree/large': MORE, 'other/small': 'small' })
  const { dir, receiver } = await waiting(t, from)
  const port = await receiver.port
  const stranger = await new Command(t, ['send', join(from, 'other'), '--to', `127.0.0.1:${port}`]).ended
  t.not(stranger.code, 0)
  t.is((await sending(t, from, port).ended).code, 0)
  t.is((await receiver.ended).code, 0)
  t.deepEqual(await readdir(dir), ['tree'])
})
