import { readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import {
  AuditTrail,
  createAtomicWriteStream,
  type FileSystem,
  FileTransaction,
  listBackups,
  mergeConfig,
  nodeFileSystem,
  ownerOfTemporary,
  PartFile,
  readAudit,
  removeBackups,
  removeOrphans,
  renameAtomic,
  restoreBackup,
  rotateFile,
  temporaryName,
  tempPath,
  updateJson,
  writeFileAtomic,
} from '../../../lib/files/index.js'
import { plant, temporary } from '../../helpers/folders.js'

const BACKUP = '.20200101T000000000Z.0000.bak'

/** What is to be there after the call: the text of a file, `undefined` for what is to be gone. */
type Change = Record<string, string | undefined>

/** Each operation with a path that goes through a link and out of the folder that the link leads to. */
const OPERATIONS: Record<string, [act: (dir: string, fs: FileSystem) => Promise<unknown>, change: Change]> = {
  writeFileAtomic: [(dir, fs) => writeFileAtomic(`${dir}/new`, 'new', { fs }), { new: 'new' }],
  'writeFileAtomic, for the death of the process': [
    async (dir, fs) => {
      const seen: string[] = []
      const open: FileSystem['open'] = (path, flags, mode) => {
        seen.push(path)
        return fs.open(path, flags, mode)
      }
      await writeFileAtomic(`${dir}/new`, 'new', { fs: { ...fs, open }, durability: 'crash' })
      if (!seen.every((path) => path.startsWith(`${dir}/.`))) throw new Error(seen.join())
    },
    { new: 'new' },
  ],
  'writeFileAtomic in folders that are missing': [
    (dir, fs) => writeFileAtomic(`${dir}/made/new`, 'new', { fs, makeParents: true }),
    { made: 'a folder', 'made/new': 'new' },
  ],
  'writeFileAtomic with a backup': [
    async (dir, fs) => {
      const { backup } = await writeFileAtomic(`${dir}/a.json`, 'new', { fs, backup: 1 })
      if ((await readFile(backup!, 'utf8')) !== '{"of":"one"}') throw new Error('another')
      await rm(backup!)
    },
    { 'a.json': 'new' },
  ],
  'writeFileAtomic with a suffix': [
    async (dir, fs) => {
      const { path } = await writeFileAtomic(`${dir}/only`, 'new', { fs, conflict: 'rename' })
      if ((await readFile(path, 'utf8')) !== 'new') throw new Error('another')
    },
    { only_1: 'new' },
  ],
  'writeFileAtomic by way of another folder': [
    (dir, fs) => writeFileAtomic(`${dir}/new`, 'new', { fs, tempDir: dir }),
    { new: 'new' },
  ],
  'writeFileAtomic through a link to such a path': [
    async (dir, fs) => {
      const alias = `${dir}/../two/alias`
      await symlink('link/../new', alias)
      await writeFileAtomic(alias, 'new', { fs })
      await rm(alias)
    },
    { new: 'new' },
  ],
  createAtomicWriteStream: [
    (dir, fs) => {
      const stream = createAtomicWriteStream(`${dir}/new`, { fs })
      stream.on('error', () => {}).end('new')
      return stream.result
    },
    { new: 'new' },
  ],
  updateJson: [(dir, fs) => updateJson(`${dir}/new`, () => 1, { fs }), { new: '1\n' }],
  mergeConfig: [
    (dir, fs) => mergeConfig([`${dir}/a.json`], `${dir}/new.json`, { fs, indent: 0 }),
    { 'new.json': '{"of":"one"}\n' },
  ],
  tempPath: [
    async (dir) => {
      await writeFile(tempPath(`${dir}/x`), '')
      await writeFile(tempPath('x', { dir }), '')
      const made = (await readdir(dir)).filter((name) => name.endsWith('.sluice-tmp'))
      if (made.length !== 2) throw new Error('elsewhere')
      for (const name of made) await rm(`${dir}/${name}`)
    },
    {},
  ],
  renameAtomic: [
    (dir, fs) => renameAtomic(`${dir}/only`, `${dir}/there`, { fs }),
    { only: undefined, there: 'only' },
  ],
  'renameAtomic from a path that looks like the other one': [
    (dir, fs) => renameAtomic(`${dir}/only`, `${dir}/../two/only`, { fs }),
    { only: undefined, '../two/only': 'only' },
  ],
  restoreBackup: [
    async (dir, fs) => {
      await writeFile(`${dir}/only${BACKUP}`, 'older')
      const { from } = await restoreBackup(`${dir}/only`, { fs, backup: false })
      await rm(from)
    },
    { only: 'older' },
  ],
  'listBackups and removeBackups': [
    async (dir, fs) => {
      await writeFile(`${dir}/only${BACKUP}`, 'older')
      const [backup] = await listBackups(fs, dir)
      if ((await readFile(backup!.path, 'utf8')) !== 'older') throw new Error('another')
      await removeBackups(dir, { fs, olderThan: 0 })
    },
    {},
  ],
  rotateFile: [
    async (dir, fs) => {
      const { to } = await rotateFile(`${dir}/only`, { fs })
      if ((await readFile(to!, 'utf8')) !== 'only') throw new Error('another')
    },
    { only: undefined, 'only.1': 'only' },
  ],
  removeOrphans: [
    async (dir, fs) => {
      const owner = { ...ownerOfTemporary(temporaryName())!, pid: 2 ** 30 }
      const name = temporaryName({ owner })
      await writeFile(`${dir}/${name}`, '')
      const { files } = await removeOrphans(dir, { fs, olderThan: 0, dryRun: true })
      if (files.length !== 1) throw new Error(files.join())
      await rm(files[0]!)
    },
    {},
  ],
  FileTransaction: [
    async (dir, fs) => {
      const transaction = await FileTransaction.begin(dir, { fs })
      await transaction.write('new', 'new')
      await transaction.commit()
    },
    { new: 'new' },
  ],
  'what a FileTransaction takes in': [
    async (dir, fs) => {
      const transaction = await FileTransaction.begin(`${dir}/empty`, { fs })
      await transaction.copyIn(`${dir}/only`, 'new')
      await transaction.commit()
    },
    { 'empty/new': 'only' },
  ],
  PartFile: [
    async (dir, fs) => {
      const part = await PartFile.open(`${dir}/new`, { fs })
      await part.write(0, Buffer.from('new'))
      await part.complete()
      await part.close()
    },
    { new: 'new' },
  ],
  'AuditTrail, which counts and removes what it rotated': [
    async (dir) => {
      const trail = await AuditTrail.open(`${dir}/trail`, { maxBytes: 4096, keep: 2 })
      const path = 'x'.repeat(1000)
      for (let n = 0; n < 30; n++) await trail.record({ operation: 'x', path, status: 'ok', duration: 0 })
      await trail.close()
      const names = (await readdir(dir)).filter((name) => name.startsWith('trail'))
      if (names.length !== 3) throw new Error(names.join())
      let count = 0
      for await (const { operation } of readAudit(`${dir}/trail`)) if (operation === 'x') count++
      if (count < 8) throw new Error(`${count} records`)
      for (const name of names) await rm(`${dir}/${name}`)
    },
    {},
  ],
}

/** The texts of the files below a folder, but for those of our own folders. */
async function textsOf(dir: string): Promise<Change> {
  const found: Change = {}
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (path.includes('.sluice')) continue
    found[path.slice(dir.length + 1)] = entry.isFile() ? await readFile(path, 'utf8') : 'a folder'
  }
  return found
}

for (const [how, fs] of [
  ['', nodeFileSystem],
  [' where no folder is held open', { ...nodeFileSystem, at: () => null }],
] as const)
  for (const [name, [act, change]] of Object.entries(OPERATIONS))
    test(`behind a link .. is what it is to the system${how}: ${name}`, async (t) => {
      const dir = await realpath(await temporary(t))
      const content = (of: string) => ({
        'a.json': `{"of":"${of}"}`,
        only: of === 'one' ? 'only' : 'another',
      })
      // so that two/link/.. is one
      const one = await plant(join(dir, 'one'), { ...content('one'), deep: null, empty: null })
      const two = await plant(join(dir, 'two'), content('two'))
      await symlink('../one/deep', join(two, 'link'))
      await t.notThrowsAsync(act(`${two}/link/..`, fs))
      await rm(join(two, 'link'))
      const wanted: Record<string, Change> = {
        one: { ...content('one'), deep: 'a folder', empty: 'a folder' },
        two: content('two'),
      }
      for (const [path, text] of Object.entries(change)) {
        const [folder, at] = path.startsWith('../two/') ? ['two', path.slice(7)] : ['one', path]
        if (text === undefined) delete wanted[folder]![at]
        else wanted[folder]![at] = text
      }
      t.deepEqual({ one: await textsOf(one), two: await textsOf(two) }, wanted)
    })
