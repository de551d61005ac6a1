import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import test from 'ava'
import { FileTransaction, FolderLock, type TransactionData } from '../../../lib/files/index.js'
import { temporary } from '../../helpers/folders.js'

test('a stream that fails before its turn fails its operation, and one that is not read is destroyed', async (t) => {
  const dir = await temporary(t)
  const transaction = await FileTransaction.begin(dir)
  // its turn comes when the other stream has ended, and its error long before
  const slow = new Readable({ read() {} })
  const first = transaction.write('file', slow)
  const missing = createReadStream(join(dir, 'missing'))
  const second = t.throwsAsync(transaction.write('file', missing), {
    code: 'ERR_SOURCE_READ',
    message: /ENOENT/,
  })
  missing.once('close', () => slow.push(null))
  slow.push('content')
  await first
  await second
  const unread = new Readable({ read() {} })
  await t.throwsAsync(transaction.write('../out', unread), { code: 'ERR_PATH' })
  t.true(unread.destroyed)
  await transaction.rollback()
  t.deepEqual(await readdir(dir), [])
})

test('text that UTF-8 cannot hold is refused, not written as something else', async (t) => {
  const dir = await temporary(t)
  for (const data of ['a\ud83d', ['\ude00'], ['\ud83d', Buffer.from('x'), '\ude00']] as TransactionData[]) {
    const transaction = await FileTransaction.begin(dir)
    await t.throwsAsync(transaction.write('file', data), { code: 'ERR_USAGE', message: /cannot hold/ })
    await transaction.rollback()
  }
  const transaction = await FileTransaction.begin(dir)
  const schema = {}
  const broken = Buffer.from([0x22, 0xff, 0x22])
  await t.throwsAsync(transaction.write('file.json', broken, { schema }), { code: 'ERR_PARSE' })
  await t.throwsAsync(transaction.write('file', 'x', { mode: 0o4755 }), { code: 'ERR_USAGE' })
  await transaction.write('file', ['a\ud83d', '\ude00'])
  await transaction.rollback()
  t.deepEqual(await readdir(dir), [])
})

/** A stream that gives a little, and then nothing more. */
function stalled(): PassThrough {
  const stream = new PassThrough()
  stream.write('half')
  return stream
}

/** An iterable that gives a little, and then nothing more, whatever it is told. */
async function* hanging(): AsyncGenerator<string> {
  yield 'half'
  await new Promise(() => {})
}

test('a source that stalls holds up neither a rollback nor the end of a block, and is destroyed', async (t) => {
  const dir = await temporary(t)
  for (const end of ['rollback', Symbol.asyncDispose] as const) {
    const stream = stalled()
    const transaction = await FileTransaction.begin(dir)
    // more than are written at once
    const sources: TransactionData[] = [stream, ...Array.from({ length: 12 }, hanging)]
    const writes = sources.map((source, i) => transaction.write(`file ${i}`, source))
    const cancelled = writes.map((write) => t.throwsAsync(write, { code: 'ERR_CANCELLED' }))
    // its turn is to come
    const other = transaction.write('other', 'at hand')
    await transaction[end]()
    await Promise.all([...cancelled, other])
    t.true(stream.destroyed)
    t.deepEqual(await readdir(dir), [])
  }
})

test('an operation that fails gives up those that wait for their source, and a commit does not wait for later ones', async (t) => {
  const dir = await temporary(t)
  const streams = [stalled(), stalled()]
  const transaction = await FileTransaction.begin(dir)
  const before = t.throwsAsync(transaction.write('before', streams[0]!), { code: 'ERR_CANCELLED' })
  await t.throwsAsync(transaction.write('../out', ''), { code: 'ERR_PATH' })
  t.like((await before)!.cause, { code: 'ERR_PATH' })
  const after = t.throwsAsync(transaction.write('after', streams[1]!), { code: 'ERR_CANCELLED' })
  await t.throwsAsync(transaction.commit(), { code: 'ERR_TRANSACTION', message: /operation failed.*out/ })
  await after
  t.true(streams.every(({ destroyed }) => destroyed))
  t.deepEqual(await readdir(dir), [])
})

test('a signal makes a transaction fail: while it waits for the lock or a source, or in between', async (t) => {
  const dir = await temporary(t)
  const cause = new Error('enough')
  await t.throwsAsync(FileTransaction.begin(dir, { signal: 5 as never }), { code: 'ERR_USAGE' })
  const lock = await FolderLock.acquire(dir, { name: 'transaction' })
  const early = new AbortController()
  const waiting = FileTransaction.begin(dir, { signal: early.signal, lock: { timeout: Infinity } })
  early.abort(cause)
  t.is((await t.throwsAsync(waiting, { code: 'ERR_CANCELLED' }))!.cause, cause)
  await lock.release()

  for (const end of ['commit', 'rollback'] as const) {
    const controller = new AbortController()
    const transaction = await FileTransaction.begin(dir, { signal: controller.signal })
    const stream = stalled()
    const write = t.throwsAsync(transaction.write('file', stream), { code: 'ERR_CANCELLED' })
    const ended =
      end === 'commit' ? t.throwsAsync(transaction.commit(), { code: 'ERR_CANCELLED' }) : undefined
    controller.abort(cause)
    await write
    if (ended) t.is((await ended)!.cause, cause)
    else {
      await t.throwsAsync(transaction.write('other', ''), { code: 'ERR_CANCELLED' })
      await transaction.rollback()
    }
    t.true(stream.destroyed)
    t.deepEqual(await readdir(dir), [])
  }

  const late = new AbortController()
  const transaction = await FileTransaction.begin(dir, { signal: late.signal, lock: { signal: undefined } })
  await transaction.write('file', 'content')
  await transaction.commit()
  late.abort()
  t.deepEqual(await readdir(dir), ['file'])
})
