import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { SluiceError } from '../lib/errors.js'
import { receive } from '../lib/receive.js'
import { send } from '../lib/send.js'
import { MemoryDisk } from '../lib/testing/disk/memory-disk.js'
import { Command, run } from './helpers/command.js'
import { listing, plant, temporary } from './helpers/folders.js'
import { connection } from './helpers/sockets.js'

const MIB = 2 ** 20
/** More than the disk below has room for, in files of which some fit. */
const TREE = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`tree/${i}`, randomBytes(MIB)]))

/** A file system of four megabytes, where the machine allows it. */
async function smallDisk(t: ExecutionContext<unknown>): Promise<string | null> {
  const dir = join(await temporary(t), 'small')
  await mkdir(dir)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir], { stdio: 'ignore' })
  } catch {
    return null
  }
  t.teardown(() => execFileSync('umount', ['-l', dir]))
  return dir
}

const isMoving = (event: { event?: string; bytes?: number }) =>
  event.event === 'progress' && event.bytes !== 0

function errorOf(finished: Promise<unknown>): Promise<SluiceError> {
  return finished.then(
    () => Promise.reject(new Error('it succeeded')),
    (error) => error,
  )
}

test('a disk that fills up while it is written ends both sides with ERR_DISK_FULL, and nothing unverified has a name', async (t) => {
  const source = await plant(await temporary(t), TREE)
  const fs = new MemoryDisk({ capacity: 64 * MIB })
  await fs.mkdir('/in')
  // somebody else takes the room, after it was looked at
  fs.hook = ({ call, path }) => {
    if (call === 'write' && path.endsWith('.part') && fs.used < 50 * MIB)
      fs.put('/taken', Buffer.alloc(61 * MIB))
  }
  const [near, far] = await connection(t)
  const receiving = receive(far, { dir: '/in', fs, accept: 'all' })
  const sending = send(near, [join(source, 'tree')])
  for (const error of [await errorOf(receiving.finished), await errorOf(sending.finished)]) {
    t.is(error.code, 'ERR_DISK_FULL', error.stack)
  }
  const { message, path } = await errorOf(receiving.finished)
  t.regex(message, /tree\/\d/)
  t.truthy(path)
  for (const [name, bytes] of fs.snapshot()) {
    if (name === '/taken' || name.includes('.sluice') || name.endsWith('.part')) continue
    t.true(bytes.equals(TREE[name.replace('/in/', '')] as Buffer), name)
  }
  t.deepEqual(fs.openHandles(), [])
})

test('HOSTILE-INPUT 34: an offer beyond the free space is refused with both numbers, and leaves no trace', async (t) => {
  const source = await plant(await temporary(t), TREE)
  const dir = await smallDisk(t)
  if (dir === null) return t.log('no tmpfs can be mounted here; only the disk in memory was tried')
  // a folder that is not made yet is on the disk of what is above it
  const inbox = join(dir, 'inbox')
  const receiver = new Command(t, ['receive', '--plain', '--dir', inbox, '--once', '--yes'])
  const sent = await run(t, 'send', join(source, 'tree'), '--to', await receiver.line())
  const received = await receiver.ended
  t.is(sent.code, 8, sent.err)
  t.is(received.code, 8, received.err)
  t.regex(received.err, /offered: .* \(may not fit: 4\.19 MB free\)/)
  t.regex(received.err, /6291456 .* 4194304 bytes/s)
  t.deepEqual(Object.keys(await listing(dir)), ['inbox'])
})

test('a small disk that somebody else fills up: exit 8 on both sides, with the path', async (t) => {
  const source = await plant(await temporary(t), { 'tree/a': randomBytes(3 * MIB) })
  const dir = await smallDisk(t)
  if (dir === null) return t.log('no tmpfs can be mounted here; only the disk in memory was tried')
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes', '--json'])
  const { address } = JSON.parse(await receiver.line())
  const sender = new Command(t, ['send', join(source, 'tree'), '--to', address, '--limit', '1M'])
  // the room was looked at by then
  for (let event = {}; !isMoving(event); ) event = JSON.parse(await receiver.line())
  await writeFile(join(dir, 'mine'), Buffer.alloc(2 * MIB))
  const received = await receiver.ended
  t.is(received.code, 8, received.err)
  t.is((await sender.ended).code, 8)
  t.regex(received.out, /"event":"error","id":"\w+","code":"ERR_DISK_FULL","message":"[^"]*tree\/a/)
  const left = Object.keys(await listing(dir)).filter((path) => !/\.part$|^\.sluice/.test(path))
  t.deepEqual(left.sort(), ['mine', 'tree'])
})
