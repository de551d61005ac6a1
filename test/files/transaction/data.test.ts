import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import test from 'ava'
import { FileTransaction, type TransactionData } from '../../../lib/files/index.js'
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
