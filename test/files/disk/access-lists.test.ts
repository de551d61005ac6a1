import { execFileSync } from 'node:child_process'
import { chmod, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import {
  type FileSystem,
  FileTransaction,
  renameAtomic,
  rotateFile,
  updateJson,
  writeFileAtomic,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { temporary } from '../../helpers/folders.js'

/** A disk whose files have the lists that `listOf` says, by path; those that are being made have that of 'new'. */
function withLists(disk: MemoryDisk, lists: Record<string, string>): FileSystem {
  return new Proxy<FileSystem>(disk, {
    get(_, name) {
      if (name === 'accessList')
        return async (file: string | number) => lists[typeof file === 'number' ? 'new' : file]
      const found: unknown = Reflect.get(disk, name)
      return typeof found === 'function' ? found.bind(disk) : found
    },
  })
}

const BOB = 'user:7:rw- group::---'

test('a file whose list is lost gives its group no more than the list did', async (t) => {
  const cases: [before: string | undefined, now: string | undefined, mode: number, then: number][] = [
    [undefined, undefined, 0o660, 0o660],
    [BOB, undefined, 0o660, 0o600],
    ['user:7:rw- group::r--', undefined, 0o664, 0o644],
    ['user:7:rw- group::rwx', undefined, 0o660, 0o660],
    ['user:7:r-- group::rwx', undefined, 0o640, 0o640],
    // the folder gives each new file a list, and this one had the same
    [BOB, BOB, 0o660, 0o660],
    // it had another, or none: whoever is in the new one gets what all have
    [undefined, BOB, 0o664, 0o644],
    ['user:8:rw- group::rw-', BOB, 0o660, 0o600],
  ]
  for (const [before, now, mode, then] of cases) {
    const disk = new MemoryDisk()
    disk.put('/f', 'old', mode)
    const lists = { ...(before && { '/f': before }), ...(now && { new: now }) }
    const { warning } = await writeFileAtomic('/f', 'new', { fs: withLists(disk, lists) })
    t.is((await disk.stat('/f')).mode & 0o777, then, `${before} ${now}`)
    t.is(warning?.code, before === now ? undefined : 'ERR_PERMISSION')
  }
})

test('nobody asks for a list where the group has no more than all others, or a mode is asked for', async (t) => {
  const disk = new MemoryDisk()
  const fs: FileSystem = new Proxy<FileSystem>(disk, {
    get(_, name) {
      if (name === 'accessList') return async () => void t.fail()
      const found: unknown = Reflect.get(disk, name)
      return typeof found === 'function' ? found.bind(disk) : found
    },
  })
  for (const mode of [0o600, 0o644, 0o755, 0o606, 0o666]) {
    disk.put('/f', 'old', mode)
    await writeFileAtomic('/f', 'new', { fs })
    t.is((await disk.stat('/f')).mode & 0o777, mode)
  }
  await writeFileAtomic('/g', 'new', { fs, mode: 0o660 })
  t.is((await disk.stat('/g')).mode & 0o777, 0o660)
})

const hasTools = (() => {
  try {
    execFileSync('setfacl', ['--version'])
    return process.platform === 'linux'
  } catch {
    return false
  }
})()

const OPERATIONS: Record<string, [act: (dir: string) => Promise<unknown>, at: string]> = {
  writeFileAtomic: [(dir) => writeFileAtomic(join(dir, 'f'), '{}'), 'f'],
  updateJson: [(dir) => updateJson(join(dir, 'f'), () => 1), 'f'],
  'a transaction that writes': [
    async (dir) => {
      const transaction = await FileTransaction.begin(dir)
      await transaction.write('f', '{}')
      await transaction.commit()
    },
    'f',
  ],
  'a transaction that copies': [
    async (dir) => {
      const transaction = await FileTransaction.begin(dir)
      await transaction.copy('f', 'g')
      await transaction.commit()
    },
    'g',
  ],
  'a compressed rotation': [(dir) => rotateFile(join(dir, 'f'), { compress: true }), 'f.1.gz'],
  'a rename': [(dir) => renameAtomic(join(dir, 'f'), join(dir, 'g')), 'g'],
}

for (const [name, [act, at]] of Object.entries(OPERATIONS))
  test(`with real lists, ${name} gives nobody more rights than before`, async (t) => {
    if (!hasTools) return void t.pass('setfacl is not installed')
    const dir = await temporary(t)
    await writeFile(join(dir, 'f'), '{}')
    await chmod(join(dir, 'f'), 0o600)
    execFileSync('setfacl', ['-m', 'u:12345:rw', join(dir, 'f')])
    t.is((await stat(join(dir, 'f'))).mode & 0o070, 0o060)
    await act(dir)
    const list = execFileSync('getfacl', ['-cpn', join(dir, at)], { encoding: 'utf8' })
    t.regex(list, /^group::---/m, list)
    t.true((await readdir(dir)).includes(at))
  })
