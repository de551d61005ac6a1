import { open, readdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import {
  AuditTrail,
  createAtomicWriteStream,
  type FileSystem,
  FileTransaction,
  mergeConfig,
  PartFile,
  renameAtomic,
  restoreBackup,
  rotateFile,
  Tree,
  updateJson,
  writeFileAtomic,
  writeJson,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { plant, temporary } from '../../helpers/folders.js'

type Operation = (path: string, fs?: FileSystem) => Promise<unknown>

/** What replaces or makes the file at a path, also where links lead to it. */
const THROUGH_LINKS: Record<string, Operation> = {
  writeFileAtomic: (path, fs) => writeFileAtomic(path, 'new', { fs }),
  writeJson: (path, fs) => writeJson(path, 1, { fs, backup: 1 }),
  createAtomicWriteStream: async (path, fs) => {
    const stream = createAtomicWriteStream(path, { fs })
    stream.on('error', () => {})
    return stream.end('new').result
  },
  updateJson: (path, fs) => updateJson(path, () => 1, { fs }),
  restoreBackup: (path, fs) => restoreBackup(path, { fs }),
  mergeConfig: (path, fs) =>
    mergeConfig([{ path: 'none.json', optional: true }], path, { fs, format: 'json' }),
}

/** What does not follow a link. */
const BY_NAME: Record<string, Operation> = {
  'writeFileAtomic of the link': (path, fs) => writeFileAtomic(path, 'new', { fs, symlink: 'replace' }),
  'writeFileAtomic of another name': (path, fs) => writeFileAtomic(path, 'new', { fs, conflict: 'rename' }),
  'renameAtomic from': (path, fs) => renameAtomic(path, join(path, '../x'), { fs }),
  'renameAtomic to': (path, fs) => renameAtomic(join(path, '../input.json'), path, { fs }),
  rotateFile: (path, fs) => rotateFile(path, { fs }),
  AuditTrail: (path, fs) => AuditTrail.open(path, { fs }),
  PartFile: (path, fs) => PartFile.open(path, { fs }),
}

const REFUSED = { code: 'ERR_USAGE', message: /process\.stdout.*or give the path of the file itself/ }

for (const [name, operation] of Object.entries({ ...THROUGH_LINKS, ...BY_NAME }))
  test(`${name} refuses names that lead into a process, and changes nothing`, async (t) => {
    const fs = new MemoryDisk()
    for (const path of ['/dev/input.json', '/dev/fd/input.json', '/dev/fd/1', '/proc/7/fd/1', '/out'])
      fs.put(path, '{}')
    await fs.symlink('fd/1', '/dev/stdout')
    const before = fs.snapshot()
    for (const path of [
      '/dev/stdout',
      '/dev/stderr',
      '/dev/fd/1',
      '/dev/./fd/../stdout',
      '/proc/7/fd/1',
      '/proc/self/fd/9',
    ])
      await t.throwsAsync(operation(path, fs), REFUSED, path)
    t.deepEqual(fs.snapshot(), before)
  })

for (const [name, operation] of Object.entries(THROUGH_LINKS))
  test(`${name} refuses links to handles where these look like files, as on macOS`, async (t) => {
    const fs = new MemoryDisk()
    for (const path of ['/dev/fd/1', '/d/f']) fs.put(path, '{}')
    await fs.symlink('/dev/fd/1', '/d/link')
    await fs.symlink('link', '/d/second')
    const before = fs.snapshot()
    for (const path of ['/d/link', '/d/second']) await t.throwsAsync(operation(path, fs), REFUSED, path)
    t.deepEqual(fs.snapshot(), before)
  })

for (const [name, operation] of Object.entries(THROUGH_LINKS))
  test(`${name} refuses links that lead into a process`, async (t) => {
    if (process.platform !== 'linux') return void t.pass()
    const dir = await plant(await temporary(t), { 'input.json': '{}', file: 'before' })
    const handle = await open(join(dir, 'file'), 'r+')
    try {
      await symlink(`/proc/self/fd/${handle.fd}`, join(dir, 'link'))
      await symlink('link', join(dir, 'second'))
      await symlink('/proc/self/fd', join(dir, 'handles'))
      await symlink(`/proc/${process.pid}/fd`, join(dir, 'more'))
      await symlink('/dev/stdout', join(dir, 'out'))
      await writeFile(join(dir, 'file'), 'before')
      const names = await readdir(dir)
      for (const path of ['link', 'second', `handles/${handle.fd}`, `more/${handle.fd}`, 'out'])
        await t.throwsAsync(operation(join(dir, path)), REFUSED, path)
      t.deepEqual(await readdir(dir), names)
      t.is(await readFile(join(dir, 'file'), 'utf8'), 'before')
    } finally {
      await handle.close()
    }
  })

test('no tree begins in what a process has open, nor where its links are', async (t) => {
  for (const root of ['/dev', '/dev/fd', '/proc/self/fd', '/proc/1/root/tmp']) {
    const { message } = await t.throwsAsync(Tree.open(root), { code: 'ERR_USAGE' }, root)
    t.true(message.startsWith(`${root} is no folder of a disk`), message)
  }
  await t.throwsAsync(FileTransaction.begin('/dev'), { code: 'ERR_USAGE' })
  if (process.platform !== 'linux') return
  const dir = await temporary(t)
  await symlink('/proc/self/fd', join(dir, 'handles'))
  await t.throwsAsync(Tree.open(join(dir, 'handles')), { code: 'ERR_USAGE' })
})

test('a folder that is open as a handle is a folder like any other', async (t) => {
  if (process.platform !== 'linux') return void t.pass()
  const dir = await temporary(t)
  const handle = await open(dir)
  try {
    await writeFileAtomic(`/proc/self/fd/${handle.fd}/a`, 'x')
    await renameAtomic(`/dev/fd/${handle.fd}/a`, `/proc/${process.pid}/fd/${handle.fd}/b`)
    const tree = await Tree.open(`/proc/self/fd/${handle.fd}`)
    t.is(tree.root, await realpath(dir))
    await tree.close()
    t.deepEqual(await readdir(dir), ['b'])
  } finally {
    await handle.close()
  }
})

test('a new file in a folder that only looks like one of handles is an error that says so', async (t) => {
  if (process.platform !== 'linux') return void t.pass()
  const dir = await temporary(t)
  await symlink('/proc/self/fd', join(dir, 'handles'))
  await t.throwsAsync(writeFileAtomic(join(dir, 'handles/9999'), 'x'), REFUSED)
  await t.throwsAsync(writeFileAtomic(join(dir, 'none/x'), 'x'), {
    code: 'ERR_WRITE',
    message: /make it first/,
  })
})
