import { once } from 'node:events'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import test from 'ava'
import { type AtomicStreamOptions, createAtomicWriteStream } from '../../../lib/files/index.js'
import { MemoryDisk, randomContent, randomPieces, writableConformance } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'
import { temporary } from '../../helpers/folders.js'
import { scale } from '../../helpers/scale.js'
import { streamPeak } from '../../helpers/stream-peak.js'

const files = (disk: MemoryDisk) =>
  Object.fromEntries([...disk.snapshot()].map(([path, b]) => [path, `${b}`]))

function setup() {
  const disk = new MemoryDisk()
  disk.put('/d/file', 'old')
  const create = (options: AtomicStreamOptions = {}) =>
    createAtomicWriteStream('/d/file', { fs: disk, ...options })
  return { disk, create }
}

test('a stream puts the file in place when it has ended, not before', async (t) => {
  const { disk, create } = setup()
  const content = randomContent(300_000)
  const stream = create({ verify: true, backup: true })
  for (const piece of randomPieces(content, 7)) {
    if (!stream.write(piece)) await once(stream, 'drain')
    t.is(files(disk)['/d/file'], 'old')
  }
  stream.end()
  await finished(stream)
  t.true(disk.snapshot().get('/d/file')!.equals(content))
  const { path, bytes, backup } = await stream.result
  t.deepEqual([path, bytes], ['/d/file', content.length])
  t.is(files(disk)[backup!], 'old')
  t.deepEqual(disk.openHandles(), [])
})

test('KNOWN-FAILURES 43: destroyed without an end, the file stays; ended without a write, it is empty', async (t) => {
  const { disk, create } = setup()
  const left = create()
  left.destroy()
  await once(left, 'close')
  await t.throwsAsync(left.result, { code: 'ERR_DESTROYED' })
  const half = create()
  await new Promise((resolve) => half.write('half', resolve))
  half.destroy()
  await t.throwsAsync(half.result, { code: 'ERR_DESTROYED' })
  t.deepEqual(files(disk), { '/d/file': 'old' })
  t.deepEqual(disk.openHandles(), [])
  const empty = create()
  empty.end()
  t.is((await empty.result).bytes, 0)
  t.deepEqual(files(disk), { '/d/file': '' })
})

test('KNOWN-FAILURES 43: a second write adds to the first one', async (t) => {
  const { disk, create } = setup()
  const stream = create()
  stream.write('one, ')
  stream.write('two, ')
  stream.end('three')
  await stream.result
  t.deepEqual(files(disk), { '/d/file': 'one, two, three' })
})

test('an error on the way, an abort or a source that breaks leave the file as it was', async (t) => {
  const { disk, create } = setup()
  const broken = new Error('broken')
  async function* failing() {
    yield 'half'
    throw broken
  }
  t.is(await t.throwsAsync(pipeline(failing, create())), broken)
  const stop = new AbortController()
  const stream = create({ signal: stop.signal }).on('error', () => {})
  stream.write('half', () => stop.abort(broken))
  const error = await t.throwsAsync(stream.result, { code: 'ERR_CANCELLED' })
  t.is(error?.cause, broken)
  await t.throwsAsync(create({ signal: AbortSignal.abort() }).on('error', () => {}).result, {
    code: 'ERR_CANCELLED',
  })
  disk.fail({ call: 'write', error: 'ENOSPC' })
  await t.throwsAsync(pipeline(Readable.from(['new']), create()), { code: 'ERR_DISK_FULL' })
  disk.fail({ call: 'open', error: 'EACCES' })
  const refused = create()
  await t.throwsAsync(finished(refused.end('x')), { code: 'ERR_PERMISSION' })
  await t.throwsAsync(refused.result, { code: 'ERR_PERMISSION' })
  t.deepEqual(files(disk), { '/d/file': 'old' })
  t.deepEqual(disk.openHandles(), [])
})

test('a stream that nobody waits for raises nothing but its error event', async (t) => {
  const { disk, create } = setup()
  disk.fail({ call: 'fsync', error: 'EIO' })
  const stream = create()
  stream.end('new')
  const errors: unknown[] = []
  stream.on('error', (error) => errors.push(error))
  await new Promise((resolve) => stream.once('close', resolve))
  t.like(errors, [{ code: 'ERR_WRITE' }])
  await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(files(disk), { '/d/file': 'old' })
})

test('destroyed while it gets its name, the result says what became of it', async (t) => {
  for (const [call, expected] of [
    ['fsync', 'old'],
    ['rename', 'new'],
  ] as const) {
    const { disk, create } = setup()
    const stream = create()
    disk.hook = (event) => void (event.call === call && stream.destroy())
    stream.end('new')
    await once(stream, 'close')
    const result = await stream.result.catch((error: { code: string }) => error.code)
    t.is(typeof result === 'string' ? 'old' : 'new', expected)
    t.deepEqual(files(disk), { '/d/file': expected })
    t.deepEqual(disk.openHandles(), [])
  }
})

test('text is encoded as asked, also where it is cut within a character, and refused where it cannot be', async (t) => {
  const { disk, create } = setup()
  const stream = create()
  stream.write('a\ud83d')
  stream.write('\ude00b')
  stream.write('e9', 'hex')
  stream.write('ä', 'latin1')
  stream.end(Buffer.from('!'))
  await stream.result
  t.deepEqual(
    disk.snapshot().get('/d/file'),
    Buffer.concat([Buffer.from('a😀b'), Buffer.from([0xe9, 0xe4]), Buffer.from('!')]),
  )
  const wide = create({ encoding: 'utf16le' })
  wide.end('ä')
  await wide.result
  t.deepEqual(disk.snapshot().get('/d/file'), Buffer.from([0xe4, 0]))
  const cannot: [AtomicStreamOptions, (string | Buffer)[]][] = [
    [{ encoding: 'latin1' }, ['a', '€']],
    [{}, ['a\ud83d']],
    [{}, ['\ud83d', 'x']],
    [{}, ['\ud83d', Buffer.from('x'), '\ude00']],
  ]
  for (const [options, texts] of cannot) {
    await t.throwsAsync(pipeline(Readable.from(texts), create(options)), { code: 'ERR_USAGE' })
  }
  t.throws(() => create({ encoding: 'utf7' as 'utf8' }), { code: 'ERR_USAGE' })
  t.throws(() => create({ mode: -1 }), { code: 'ERR_USAGE' })
  t.deepEqual(Object.keys(files(disk)), ['/d/file'])
})

test('many small writes become few calls', async (t) => {
  const { disk, create } = setup()
  let writes = 0
  disk.hook = ({ call }) => void (call === 'write' && writes++)
  const stream = create()
  for (let i = 0; i < 10_000; i++) stream.write(`${i} `)
  stream.end()
  await stream.result
  t.true(writes < 5, `${writes}`)
  t.is(files(disk)['/d/file'], Array.from({ length: 10_000 }, (_, i) => `${i} `).join(''))
})

let last = new MemoryDisk()
const CONTENT = randomContent(600)

conforms(
  'createAtomicWriteStream',
  writableConformance<Buffer>(
    () => {
      last = new MemoryDisk()
      return createAtomicWriteStream('/file', { fs: last })
    },
    {
      input: () => randomPieces(CONTENT, 3),
      check: () => {
        if (!last.snapshot().get('/file')?.equals(CONTENT)) throw new Error('other content')
      },
      many: () => Array.from({ length: 64 }, () => randomContent(65_536)),
      badOptions: [() => createAtomicWriteStream('/file', { backup: -1 })],
    },
  ),
)

test('options that are wrong are refused at once, and so is a schema, which nobody could check in time', (t) => {
  const wrong: [string, unknown][] = [
    ['highWaterMark', 0.5],
    ['highWaterMark', -1],
    ['highWaterMark', '1'],
    ['encoding', 'hex'],
    ['digest', 1],
    ['schema', {}],
  ]
  for (const [name, value] of wrong) {
    const options = { fs: new MemoryDisk(), [name]: value } as AtomicStreamOptions
    t.throws(() => createAtomicWriteStream('/f.json', options), {
      code: 'ERR_USAGE',
      message: new RegExp(`^${name} `),
    })
  }
})

test('the memory of a stream does not grow with the file', async (t) => {
  const { peak } = await streamPeak(await temporary(t), scale(128 * 2 ** 20, 2 * 2 ** 30))
  // of 16 MiB some 70 MB; of 2 GiB up to 101, since more garbage waits to be collected
  t.true(peak < 128e6, `${peak} bytes`)
})
