import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { HistoryFile, type RecordedTransfer, readHistory } from '../../lib/transfers/history-file.js'
import { temporary } from '../helpers/folders.js'

const past = (id: string, more: Partial<RecordedTransfer> = {}): RecordedTransfer => ({
  id,
  direction: 'receive',
  state: 'completed',
  files: 3,
  bytes: 1000,
  ended: '2026-01-02T03:04:05.000Z',
  ...more,
})

test('transfers stand in it in their order, also those of another process, and only the last ones', async (t) => {
  const path = join(await temporary(t), 'history.json')
  t.deepEqual(await readHistory(path), [])
  const [one, other] = [new HistoryFile(path, 5), new HistoryFile(path, 5)]
  await Promise.all(['a', 'b', 'c'].flatMap((id) => [one.add(past(id)), other.add(past(id.toUpperCase()))]))
  const ids = (await readHistory(path)).map(({ id }) => id)
  t.is(ids.length, 5)
  const own = ids.filter((id) => id === id.toLowerCase())
  t.deepEqual(own, [...own].sort())
  t.is((await stat(path)).mode & 0o777, 0o600)
})

test('none are kept where none are wanted', async (t) => {
  const path = join(await temporary(t), 'history.json')
  await new HistoryFile(path, 0).add(past('a'))
  t.deepEqual(await readHistory(path), [])
})

test('a long text of a peer is cut, and one that is no Unicode becomes some', async (t) => {
  const path = join(await temporary(t), 'history.json')
  const file = new HistoryFile(path, 5)
  await file.add(past('a', { peer: 'p'.repeat(5000), message: '\ud800' }))
  const [{ peer, message }] = (await readHistory(path)) as [RecordedTransfer]
  t.is(peer, 'p'.repeat(2000))
  t.is(message, '\ufffd')
})

test('what is no history stays as it is, and the next one is tried all the same', async (t) => {
  const path = join(await temporary(t), 'history.json')
  const file = new HistoryFile(path, 5)
  for (const [text, code] of [
    ['{"a": 1}', 'ERR_SCHEMA'],
    ['[{"id": 1}]', 'ERR_SCHEMA'],
    ['no JSON', 'ERR_PARSE'],
  ] as const) {
    await writeFile(path, text)
    await t.throwsAsync(file.add(past('a')), { code })
    await t.throwsAsync(readHistory(path), { code })
    t.is(await readFile(path, 'utf8'), text)
  }
  await writeFile(path, '[]')
  await file.add(past('b'))
  t.deepEqual(await readHistory(path), [past('b')])
})
