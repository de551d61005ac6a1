import vm from 'node:vm'
import test from 'ava'
import { isError, isSluiceError, messageOf, SluiceError } from '../lib/errors.js'
import {
  type FileSystem,
  FileTransaction,
  FolderLock,
  mergeConfig,
  PartFile,
  rotateFile,
  updateJson,
  writeFileAtomic,
  writeJson,
} from '../lib/files/index.js'
import { encrypt, manifestOf } from '../lib/index.js'
import { isBytes } from '../lib/options.js'
import { MemoryDisk } from '../lib/testing/disk/memory-disk.js'
import { arrivingOf } from './helpers/items.js'
import { receiveItems, statuses } from './helpers/river.js'

// Under Jest each test file runs in a context of its own, whose `Error`, `Array`, `Uint8Array` are others than those of
// Node: what comes from there is an instance of nothing that is known here.

const make = <T>(code: string, given: object = {}): T => vm.runInNewContext(code, given) as T

/** Bytes of another realm. */
const bytes = (text: string) => make<Uint8Array>('new Uint8Array(given)', { given: [...Buffer.from(text)] })

/** The same disk, whose errors are those of another realm. */
function abroad(disk: MemoryDisk): FileSystem {
  const foreign = (error: object) => Object.assign(make<Error>('new Error("of another realm")'), error)
  return new Proxy<FileSystem>(disk, {
    get(_, name) {
      // the calls at once are left out: what they throw is the same
      if (name === 'sync') return undefined
      const call: unknown = Reflect.get(disk, name)
      if (typeof call !== 'function') return call
      return (...given: unknown[]) => {
        const made: unknown = call.apply(disk, given)
        if (!(made instanceof Promise)) return made
        return made.catch((error: object) => Promise.reject(foreign(error)))
      }
    },
  })
}

test('errors and bytes of another realm are what they are', (t) => {
  for (const code of ['new Error("x")', 'new TypeError("x")', 'new (class extends Error {})("x")']) {
    const error = make(code)
    t.false(error instanceof Error)
    t.true(isError(error), code)
    t.is(messageOf(error), 'x')
  }
  t.true(isError(new DOMException('x')))
  t.true(isError(new SluiceError('ERR_WRITE', 'x')))
  for (const none of [undefined, null, 'x', {}, { message: 'x' }, { name: 'Error', message: 'x' }, () => {}])
    t.false(isError(none))
  t.true(isBytes(bytes('x')))
  for (const none of [undefined, 'x', [1], new Uint16Array(1), new DataView(new ArrayBuffer(1))])
    t.false(isBytes(none))
})

test('an error of another copy of this package is one of ours', (t) => {
  class Copy extends Error {
    override readonly name = 'SluiceError'
    readonly code: string
    constructor(code: string) {
      super('x')
      this.code = code
    }
  }
  t.true(isSluiceError(new Copy('ERR_WRITE')))
  t.true(isSluiceError(new Copy('ERR_WRITE'), 'ERR_WRITE'))
  t.false(isSluiceError(new Copy('ERR_WRITE'), 'ERR_USAGE'))
  t.false(isSluiceError(new Copy('EIO')))
  t.false(isSluiceError(Object.assign(new Error('x'), { code: 'ERR_WRITE' })))
})

test('with a file system of another realm every operation works', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/b.json', '{}')
  const fs = abroad(disk)
  await writeJson('/d/a.json', 1, { fs })
  await writeJson('/d/a.json', 2, { fs, backup: 1 })
  await t.throwsAsync(writeFileAtomic('/d/a.json', 'x', { fs, conflict: 'fail' }), { code: 'ERR_CONFLICT' })
  await updateJson('/d/c.json', () => 1, { fs })
  await mergeConfig(['/d/b.json', { path: '/d/missing.json', optional: true }], '/d/new.json', { fs })
  await rotateFile('/d/c.json', { fs })
  await (await FolderLock.acquire('/d', { fs })).release()
  const transaction = await FileTransaction.begin('/d', { fs })
  await transaction.write('t', make<string[]>('["te", "xt"]'))
  await transaction.commit()
  const part = await PartFile.open('/d/p', { fs })
  await part.write(0, make('[given]', { given: bytes('part') }))
  await part.complete()
  await part.close()
  t.is(disk.snapshot().get('/d/t')?.toString(), 'text')
  t.is(disk.snapshot().get('/d/p')?.toString(), 'part')
  await t.throwsAsync(writeJson('/none/a', 1, { fs }), { code: 'ERR_WRITE', message: /does not exist/ })
  disk.fail({ call: 'write', error: 'ENOSPC' })
  await t.throwsAsync(writeJson('/d/a.json', 3, { fs }), { code: 'ERR_DISK_FULL' })
})

test('files arrive through a file system of another realm, also where a name is taken', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/in/a', 'another')
  const { outcomes, error } = await receiveItems(arrivingOf({ a: 'a', 'd/b': 'b' }), {
    dir: '/in',
    fs: abroad(disk),
  })
  t.is(error, undefined)
  t.like(statuses(outcomes), { a: 'published as a_1', 'd/b': 'published' })
})

test('values of another realm are taken as content, as bytes, lists and keys', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/a', '')
  await writeFileAtomic('/b', make<ArrayBuffer>('new Uint8Array([104, 105]).buffer'), { fs: disk })
  await writeFileAtomic('/c', make('[given, "!"]', { given: bytes('hi') }), { fs: disk })
  await writeJson('/d', make('({ list: [1, { when: new Date(0) }] })'), { fs: disk, indent: 0 })
  const text = (path: string) => disk.snapshot().get(path)?.toString()
  t.deepEqual(['/b', '/c', '/d'].map(text), [
    'hi',
    'hi!',
    '{"list":[1,{"when":"1970-01-01T00:00:00.000Z"}]}\n',
  ])
  t.is((await manifestOf(make('["/a"]'), { fs: disk })).offer.entries.length, 1)
  t.notThrows(() => encrypt({ key: bytes('k'.repeat(32)) }))
})
