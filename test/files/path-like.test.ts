import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import test, { type ExecutionContext } from 'ava'
import {
  AtomicFile,
  AuditTrail,
  checkFile,
  createAtomicWriteStream,
  FileTransaction,
  FolderLock,
  fileOperations,
  mergeConfig,
  PartFile,
  type PathLike,
  RecoveryManager,
  readAudit,
  readConfig,
  readFileRetry,
  readJson,
  readYaml,
  recoverTransactions,
  removeBackups,
  removeOrphans,
  renameAtomic,
  restoreBackup,
  rotateFile,
  Tree,
  tempPath,
  updateJson,
  updateYaml,
  writeConfig,
  writeFileAtomic,
  writeJson,
  writeYaml,
} from '../../lib/files/index.js'
import { plant, temporary } from '../helpers/folders.js'

/** Each operation, with what gives it a path in a folder that has `a.json`. It throws where it did not work. */
const OPERATIONS: Record<string, (at: (name: string) => PathLike, dir: string) => Promise<unknown>> = {
  writeFileAtomic: (at) => writeFileAtomic(at('ä b.json'), '1', { schema: true }),
  'writeFileAtomic with tempDir': (at) => writeFileAtomic(at('new'), '1', { tempDir: at('d') }),
  'writeFileAtomic of pieces': (at) => writeFileAtomic(at('new'), ['1']),
  writeJson: (at) => writeJson(at('new'), 1, { schema: true }),
  writeYaml: (at) => writeYaml(at('new'), 1),
  writeConfig: (at) => writeConfig(at('new.json'), 1),
  createAtomicWriteStream: (at) => createAtomicWriteStream(at('new')).end('1').result,
  AtomicFile: async (at) => (await AtomicFile.open(at('new'))).commit(),
  readFileRetry: (at) => readFileRetry(at('a.json'), { encoding: 'utf8' }),
  checkFile: async (at) => {
    if (!(await checkFile(at('a.json'), { size: 2 })).ok) throw new Error('another file')
  },
  renameAtomic: (at) => renameAtomic(at('a.json'), at('new')),
  tempPath: async (at, dir) => {
    if (!tempPath(at('a'), { dir: at('d') }).startsWith(join(dir, 'd'))) throw new Error('elsewhere')
  },
  readJson: (at) => readJson(at('a.json')),
  readYaml: (at) => readYaml(at('a.json')),
  readConfig: (at) => readConfig(at('a.json')),
  updateYaml: (at) => updateYaml(at('a.json'), () => 1),
  restoreBackup: async (at) => {
    await writeFileAtomic(at('a.json'), '1', { backup: 1 })
    await restoreBackup(at('a.json'), { backup: false })
    await removeBackups(at(''), { olderThan: 0 })
  },
  updateJson: (at) => updateJson(at('a.json'), () => 1),
  mergeConfig: (at) => mergeConfig([at('a.json'), { path: at('a.json') }], at('new.json')),
  rotateFile: (at) => rotateFile(at('a.json')),
  removeBackups: (at) => removeBackups(at('')),
  removeOrphans: (at) => removeOrphans(at('')),
  FolderLock: async (at) => (await FolderLock.acquire(at(''))).release(),
  'FolderLock.tryAcquire': async (at) => (await FolderLock.tryAcquire(at('')))!.release(),
  FileTransaction: async (at) => (await FileTransaction.begin(at(''))).rollback(),
  recoverTransactions: (at) => recoverTransactions(at('')),
  RecoveryManager: async (at) => (await RecoveryManager.open(at(''))).close(),
  PartFile: async (at) => (await PartFile.open(at('new'), { size: 0 })).close(),
  Tree: async (at) => (await Tree.open(at('d'))).close(),
  AuditTrail: async (at) => (await AuditTrail.open(at('new'))).close(),
  readAudit: async (at) => {
    for await (const record of readAudit(at('a.json'))) void record
  },
}

/** The forms of one path. */
const FORMS: Record<string, (path: string) => PathLike> = {
  'a file: URL': (path) => pathToFileURL(path),
  'a URL of another realm': (path) =>
    runInContext('new URL(href)', createContext({ URL, href: pathToFileURL(path).href })),
  'a Buffer': (path) => Buffer.from(path),
  'a Uint8Array': (path) => new TextEncoder().encode(path),
}

const folder = async (t: ExecutionContext) => plant(await temporary(t), { 'a.json': '{}', d: null })

/** The names below a folder; what is random in them says nothing. */
const names = async (dir: string) => (await readdir(dir, { recursive: true })).sort()

for (const [name, act] of Object.entries(OPERATIONS))
  test(`a path may be a URL or a Buffer: ${name}`, async (t) => {
    const asText = await folder(t)
    await act((path) => join(asText, path), asText)
    for (const [form, of] of Object.entries(FORMS)) {
      const dir = await folder(t)
      await t.notThrowsAsync(
        act((path) => of(join(dir, path)), dir),
        form,
      )
      t.deepEqual(await names(dir), await names(asText), form)
    }
  })

/** What is no path of this machine. */
const NONE: Record<string, [path: unknown, message: RegExp]> = {
  'a URL of the web': [new URL('https://example.org/a'), /file: URL.*https:\/\/example\.org\/a/],
  'a URL of another machine': [new URL('file://elsewhere/a'), /file: URL/],
  'a URL with a slash in a name': [new URL('file:///a%2fb'), /file: URL/],
  'a URL with NUL': [new URL('file:///a%00b'), /NUL/],
  'bytes that are not UTF-8': [Buffer.from([0x2f, 0x61, 0xff]), /whose bytes are UTF-8/],
  'half a character': [Buffer.from('/ä').subarray(0, 2), /whose bytes are UTF-8/],
  'a Buffer with NUL': [Buffer.from('/a\0b'), /NUL/],
  'no bytes': [Buffer.alloc(0), /path/],
  'other bytes': [new Uint16Array([47, 97]), /path/],
  'an object': [{}, /path/],
  'no path at all': [null, /path/],
}

for (const [name, [path, message]] of Object.entries(NONE))
  test(`what is no path is refused with words: ${name}`, async (t) => {
    for (const [operation, act] of Object.entries(OPERATIONS)) {
      if (operation === 'tempPath' || operation === 'mergeConfig') continue
      const acting = async () => act(() => path as PathLike, '/')
      const error = await t.throwsAsync(acting(), { code: 'ERR_USAGE' }, operation)
      t.regex(error!.message, message, operation)
    }
  })

test('what has a slash at its end is a folder, as a URL or a Buffer, too', async (t) => {
  const dir = await folder(t)
  for (const of of Object.values(FORMS))
    await t.throwsAsync(writeFileAtomic(of(join(dir, 'new/')), '1'), { code: 'ERR_USAGE', message: /slash/ })
})

test('the audit has the path as text', async (t) => {
  const dir = await folder(t)
  const paths: string[] = []
  const files = fileOperations({ audit: { record: ({ path }) => void paths.push(path) } })
  const path = join(dir, 'a b.json')
  for (const of of Object.values(FORMS)) await files.writeJson(of(path), 1)
  t.deepEqual([...new Set(paths)], [path])
  t.is(paths.length, Object.keys(FORMS).length)
  t.is(await readFile(path, 'utf8'), '1\n')
})
