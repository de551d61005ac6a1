// What somebody else's tests do with the package: run by Jest and by Vitest (.ci/jest, .ci/vitest), in a project where it
// is installed. Under Jest each file has an `Error`, `Array` and `Uint8Array` of its own.
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import * as sluice from 'sluice'
import * as files from 'sluice/files'
import { MemoryDisk, wireStageConformance } from 'sluice/testing'

let dir
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-use-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const at = (name) => join(dir, name)
const text = (name) => readFileSync(at(name), 'utf8')

test('values and text are written and read', async () => {
  await files.writeJson(at('a.json'), { list: [1, { when: new Date(0) }] }, { indent: 0 })
  expect(text('a.json')).toBe('{"list":[1,{"when":"1970-01-01T00:00:00.000Z"}]}\n')
  const { backup } = await files.writeJson(at('a.json'), [2], { backup: true, indent: 0 })
  expect(readFileSync(backup, 'utf8')).toContain('1970')
  await files.writeYaml(at('b.yaml'), { yes: 'yes' })
  await files.writeConfig(at('c.yml'), new Map([[1, 2]]).size)
  expect(await files.readFileRetry(at('a.json'), { encoding: 'utf8' })).toBe('[2]\n')
  await files.mergeConfig([at('b.yaml')], at('d.json'))
  expect(JSON.parse(text('d.json'))).toEqual({ yes: 'yes' })
  expect((await files.checkFile(at('d.json'), { format: 'json' })).ok).toBe(true)
})

test('errors are those of the package, with their codes', async () => {
  const { SluiceError } = sluice
  await expect(files.writeJson(at('none/a'), 1)).rejects.toMatchObject({
    code: 'ERR_WRITE',
    path: at('none/a'),
  })
  await expect(files.readFileRetry(at('none'))).rejects.toBeInstanceOf(SluiceError)
  await expect(files.writeJson(at('a'), 1n)).rejects.toThrow(/cannot hold a bigint/)
  await expect(files.updateJson(at('a'), () => Promise.reject(new TypeError('mine')))).rejects.toThrow('mine')
  const schema = { type: 'object' }
  await expect(files.writeJson(at('a.json'), 1, { schema })).rejects.toMatchObject({ code: 'ERR_SCHEMA' })
  await expect(files.writeFileAtomic(at('a'), Readable.from(failing()))).rejects.toThrow('mine')
  expect(readdirSync(dir)).toEqual([])
})

async function* failing() {
  yield 'a'
  throw new RangeError('mine')
}

test('bytes come in every form', async () => {
  await files.writeFileAtomic(at('a'), new Uint8Array([104, 105]))
  await files.writeFileAtomic(at('b'), new Uint8Array([104, 105]).buffer)
  await files.writeFileAtomic(at('c'), ['h', new Uint8Array([105])])
  await files.writeFileAtomic(at('d'), Readable.from([Buffer.from('hi')]))
  const stream = files.createAtomicWriteStream(at('e'))
  stream.end(new Uint8Array([104, 105]))
  expect((await stream.result).bytes).toBe(2)
  expect(['a', 'b', 'c', 'd', 'e'].map(text)).toEqual(Array(5).fill('hi'))
})

test('locks, updates, transactions, rotation, recovery', async () => {
  await (await files.FolderLock.acquire(dir)).release()
  await Promise.all([1, 2, 3].map(() => files.updateJson(at('n.json'), (n = 0) => n + 1)))
  expect(text('n.json')).toBe('3\n')
  const transaction = await files.FileTransaction.begin(dir)
  await transaction.write('x', 'x')
  await transaction.move('n.json', 'sub/n.json')
  await transaction.commit()
  await files.rotateFile(at('x'), { compress: true })
  await files.renameAtomic(at('x.1.gz'), at('y.gz'), { conflict: 'rename' })
  const manager = await files.RecoveryManager.open(dir)
  await manager.run('write', 'y.gz', () => writeFileSync(at('y.gz'), 'other'))
  await manager.undo()
  await manager.close()
  expect(text('y.gz')).not.toBe('other')
  const trail = await files.AuditTrail.open(at('trail'))
  await files.writeJson(at('z'), 1, { audit: trail })
  await trail.close()
  expect(await trail.read().next()).toMatchObject({ value: { operation: 'writeJson', status: 'ok' } })
})

test('files go through a pipeline, encrypted and compressed, and through a stage of the test itself', async () => {
  writeFileSync(at('a'), 'content')
  const [key, into] = [new Uint8Array(32), at('in')]
  const upper = new Transform({ transform: (chunk, _, done) => done(null, chunk) })
  const last = sluice.finalizer()
  const manifest = await sluice.manifestOf([at('a')])
  await pipeline(
    [sluice.fileSource(manifest), sluice.hashTap(), sluice.framer(), sluice.encrypt({ key }), upper].concat([
      sluice.decrypt({ key }),
      sluice.deframer(),
      sluice.demuxer(),
      sluice.hashTap(),
      sluice.partSink({ dir: into }),
      last,
    ]),
  )
  expect(await last.outcomes).toMatchObject([{ path: 'a', status: 'published' }])
  expect(text('in/a')).toBe('content')
})

test('files go over a socket, and one that is taken gets another name', async () => {
  writeFileSync(at('a'), 'content')
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const socket = connect(server.address().port, '127.0.0.1')
    const [accepted] = await once(server, 'connection')
    const wire = [sluice.compression()]
    const receiving = sluice.receive(accepted, {
      dir,
      accept: (offer) => offer.bytes < 100,
      stages: { wire },
    })
    const sending = sluice.send(socket, [at('a')], { stages: { wire } })
    await sending.finished
    const { files: outcomes } = await receiving.finished
    expect(outcomes).toMatchObject([{ path: 'a', status: 'skipped', reason: 'identical' }])
  } finally {
    server.close()
  }
})

test('the disk in memory fails as it is told', async () => {
  const fs = new MemoryDisk()
  fs.fail({ call: 'write', error: 'ENOSPC' })
  await expect(files.writeJson('/a', 1, { fs })).rejects.toMatchObject({ code: 'ERR_DISK_FULL' })
  await files.writeJson('/a', 1, { fs })
  expect(fs.snapshot().get('/a').toString()).toBe('1\n')
})

// the others say the same, and take a minute: in a context of its own everything that is global is slow
const suite = wireStageConformance(() => sluice.encryption({ key: new Uint8Array(32) })).slice(0, 4)
for (const { name, run } of suite) test(`the conformance suite runs: ${name}`, run, 30_000)
