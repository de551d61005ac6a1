import { createHash } from 'node:crypto'
import test from 'ava'
import { type CheckOptions, checkFile } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { randomContent } from '../../../lib/testing/splits.js'

const disk = new MemoryDisk()
disk.put('/text', 'päth')
disk.put('/empty')
disk.put('/binary', Buffer.from([0, 255, 128]))
disk.put('/large', randomContent(1_500_000))
disk.put('/value.json', '{"port": 80}')
disk.put('/value.yaml', 'port: http\n')
disk.put('/broken.json', '{"port":\n 80,}')
disk.putFolder('/folder')
disk.putPipe('/pipe')
disk.putLink('/link', '/text')
disk.putLink('/dangling', '/none')

const check = (path: string, options: CheckOptions = {}) => checkFile(path, { fs: disk, ...options })
const failed = async (path: string, options?: CheckOptions) =>
  (await check(path, options)).failed.map(({ check: name }) => name)
const hex = (algorithm: string, path: string) =>
  createHash(algorithm).update(disk.snapshot().get(path)!).digest('hex')

test('KNOWN-FAILURES 38: an empty file is empty, binary content is fine, and each demand is looked at', async (t) => {
  t.deepEqual(await check('/binary'), { ok: true, failed: [] })
  t.deepEqual(await check('/empty'), { ok: true, failed: [] })
  t.deepEqual(await failed('/empty', { minSize: 1 }), ['size'])
  t.deepEqual(await failed('/empty', { size: 0, maxSize: 0, encoding: 'utf8' }), [])
  t.deepEqual(await failed('/text', { size: 4, minSize: 6, maxSize: 4 }), ['size', 'size', 'size'])
  t.deepEqual(await failed('/text', { size: 5, minSize: 5, maxSize: 5 }), [])
  t.deepEqual(await failed('/binary', { encoding: 'utf8' }), ['encoding'])
  t.deepEqual(await failed('/binary', { encoding: 'utf16le' }), ['encoding'])
  t.deepEqual(await failed('/binary', { encoding: 'latin1' }), [])
  t.deepEqual(await failed('/text', { encoding: 'utf8' }), [])
})

test.serial('what is not there, not a file or not readable is told apart', async (t) => {
  t.deepEqual(await failed('/none'), ['exists'])
  t.deepEqual(await failed('/dangling'), ['exists'])
  t.deepEqual(await failed('/text/below'), ['exists'])
  t.deepEqual(await failed('/folder'), ['regular'])
  t.deepEqual(await failed('/pipe'), ['regular'])
  t.deepEqual(await failed('/link', { size: 5 }), [])
  for (const call of ['stat', 'open', 'fstat', 'read'] as const) {
    disk.fail({ call, error: 'EIO' })
    const { ok, failed: all } = await check('/text', { encoding: 'utf8' })
    t.false(ok)
    t.deepEqual(
      all.map(({ check: name, found }) => [name, found]),
      [['readable', 'EIO']],
      call,
    )
    disk.heal()
  }
  t.deepEqual(disk.openHandles(), [])
})

test('a large file is digested and decoded in pieces', async (t) => {
  const right = { algorithm: 'sha256', hex: hex('sha256', '/large').toUpperCase() }
  t.deepEqual(await failed('/large', { digest: right, size: 1_500_000 }), [])
  const wrong = { algorithm: 'md5', hex: '00'.repeat(16) }
  const { failed: all } = await check('/large', { digest: wrong, encoding: 'utf8' })
  t.deepEqual(
    all.map(({ check: name, expected, found }) => [name, expected, found]),
    [
      ['digest', wrong.hex, hex('md5', '/large')],
      ['encoding', 'utf8', undefined],
    ],
  )
  disk.put('/long', 'ä'.repeat(600_001))
  t.deepEqual(await failed('/long', { encoding: 'utf8' }), [])
  disk.put('/cut', Buffer.from('ä'.repeat(600_001)).subarray(0, -1))
  t.deepEqual(await failed('/cut', { encoding: 'utf8' }), ['encoding'])
})

test('the value is parsed by the ending or as asked, and checked by the schema', async (t) => {
  const schema = { type: 'object', properties: { port: { type: 'integer' } } }
  t.deepEqual(await failed('/value.json', { schema }), [])
  t.deepEqual(await failed('/value.yaml', { schema }), ['schema'])
  t.deepEqual(await failed('/value.yaml', { format: 'yaml' }), [])
  t.deepEqual(await failed('/value.yaml', { format: 'json' }), ['format'])
  const { failed: broken } = await check('/broken.json', { schema })
  t.deepEqual([broken[0]!.check, broken.length], ['format', 1])
  t.regex(broken[0]!.message, /line 2, column 5/)
  const { failed: wrong } = await check('/value.yaml', { schema })
  t.deepEqual(wrong[0]!.found, [{ at: '/port', message: 'must be integer' }])
})

test('options that are wrong are refused', async (t) => {
  const wrong: CheckOptions[] = [
    { size: -1 },
    { minSize: 0.5 },
    { maxSize: Number.NaN },
    { encoding: 'utf7' as 'utf8' },
    { format: 'toml' as 'json' },
    { digest: { algorithm: 'none', hex: '00' } },
    { digest: { algorithm: 'sha256', hex: 'xyz' } },
    { schema: {} },
  ]
  for (const options of wrong) await t.throwsAsync(check('/text', options), { code: 'ERR_USAGE' })
  await t.throwsAsync(check(''), { code: 'ERR_USAGE' })
  await t.throwsAsync(check('/value.json', { schema: { type: 'no' } }), { code: 'ERR_USAGE' })
})
