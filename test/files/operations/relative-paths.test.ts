import { writeFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import {
  AtomicFile,
  AuditTrail,
  checkFile,
  createAtomicWriteStream,
  FileTransaction,
  FolderLock,
  mergeConfig,
  PartFile,
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
} from '../../../lib/files/index.js'
import {
  deframer,
  demuxer,
  fileSource,
  finalizer,
  framer,
  hashTap,
  type Manifest,
  manifestOf,
  partSink,
  receive,
  type SendOptions,
  send,
} from '../../../lib/index.js'
import { duplexPair } from '../../../lib/testing/index.js'
import { plant, temporary } from '../../helpers/folders.js'

/** What is to be there after the call, beside what was there before; `undefined` for what is to be gone. */
type Change = Record<string, string | undefined>

const BACKUP = '.20200101T000000000Z.0000.bak'

/** Each operation with relative paths; it is called in one folder, and goes on while the process is in another. */
const OPERATIONS: Record<string, [act: () => Promise<unknown>, change: Change]> = {
  writeFileAtomic: [() => writeFileAtomic('new', 'new'), { new: 'new' }],
  'writeFileAtomic beside another folder for temporary files': [
    () => writeFileAtomic('new', 'new', { tempDir: 'd' }),
    { new: 'new' },
  ],
  'writeFileAtomic with a backup': [
    async () => removed(await writeFileAtomic('./a.json', 'new', { backup: 1 })),
    { 'a.json': 'new' },
  ],
  'writeFileAtomic of pieces': [() => writeFileAtomic('d/../new', ['n', 'ew']), { new: 'new' }],
  writeJson: [() => writeJson('new', 1), { new: '1\n' }],
  writeYaml: [() => writeYaml('new', 1), { new: '1\n' }],
  writeConfig: [() => writeConfig('new.json', 1), { 'new.json': '1\n' }],
  createAtomicWriteStream: [
    () => {
      const stream = createAtomicWriteStream('new')
      stream.end('new')
      return stream.result
    },
    { new: 'new' },
  ],
  AtomicFile: [
    async () => {
      const file = await AtomicFile.open('new')
      await file.write([Buffer.from('new')])
      return file.commit()
    },
    { new: 'new' },
  ],
  readFileRetry: [
    async () => {
      if ((await readFileRetry('a.json', { encoding: 'utf8' })) !== '{"of":"one"}') throw new Error('another')
    },
    {},
  ],
  checkFile: [
    async () => {
      if (!(await checkFile('only', { size: 4 })).ok) throw new Error('another')
    },
    {},
  ],
  renameAtomic: [() => renameAtomic('only', 'd/there'), { only: undefined, 'd/there': 'only' }],
  tempPath: [async () => writeFileAtomic(tempPath('x', { dir: '.' }), '').then(({ path }) => rm(path)), {}],
  updateJson: [
    () =>
      updateJson<object>('a.json', (value) => {
        process.chdir('..')
        return { ...value, more: 1 }
      }),
    { 'a.json': '{\n  "of": "one",\n  "more": 1\n}\n' },
  ],
  updateYaml: [
    () =>
      updateYaml<object>('new.yaml', (value) => {
        process.chdir('..')
        return { ...value, more: 1 }
      }),
    { 'new.yaml': 'more: 1\n' },
  ],
  ...Object.fromEntries(
    Object.entries({ readJson, readYaml, readConfig }).map(([name, read]) => [
      name,
      [
        async () => {
          if ((await read<{ of: string }>('a.json')).of !== 'one') throw new Error('another')
        },
        {},
      ],
    ]),
  ),
  restoreBackup: [
    async () => {
      writeFileSync(`only${BACKUP}`, 'older')
      await restoreBackup('./only', { which: `./only${BACKUP}`, backup: false })
    },
    { only: 'older', [`only${BACKUP}`]: 'older' },
  ],
  mergeConfig: [
    () => mergeConfig(['a.json', { path: './b.json' }], 'new.json', { indent: 0 }),
    { 'new.json': '{"of":"one","b":"one"}\n' },
  ],
  rotateFile: [() => rotateFile('only'), { only: undefined, 'only.1': 'only' }],
  removeBackups: [() => removeBackups('.'), {}],
  removeOrphans: [() => removeOrphans('d'), {}],
  FolderLock: [async () => (await FolderLock.acquire('.')).release(), {}],
  FileTransaction: [
    async () => {
      const transaction = await FileTransaction.begin('d')
      await transaction.write('new', 'new')
      await transaction.commit()
    },
    { 'd/new': 'new' },
  ],
  recoverTransactions: [() => recoverTransactions('d'), {}],
  RecoveryManager: [
    async () => {
      const manager = await RecoveryManager.open('.')
      await manager.before('delete', 'only')
      await manager.commit()
      await manager.close()
    },
    {},
  ],
  PartFile: [
    async () => {
      const part = await PartFile.open('new')
      await part.write(0, Buffer.from('new'))
      await part.complete()
      await part.close()
    },
    { new: 'new' },
  ],
  Tree: [
    async () => {
      const tree = await Tree.open('d/new', { create: true })
      await tree.makeFolder('inner')
      await tree.close()
    },
    { 'd/new': 'a folder', 'd/new/inner': 'a folder' },
  ],
  AuditTrail: [
    async () => {
      const trail = await AuditTrail.open('trail')
      await trail.record({ operation: 'x', path: '', status: 'ok', duration: 0 })
      await trail.close()
      for await (const { operation } of trail.read()) if (operation !== 'x') throw new Error('another')
      await rm(trail.path)
    },
    {},
  ],
  readAudit: [
    async () => {
      const records = readAudit('trail.jsonl')
      process.chdir('..')
      for await (const { operation } of records) if (operation !== 'one') throw new Error('another')
    },
    {},
  ],
  'a transfer': [
    async () => {
      const [sink, listed] = [partSink({ dir: 'd/in' }), manifestOf(['only', './e'])]
      await byHand(await listed, sink)
    },
    { 'd/in': 'a folder', 'd/in/only': 'only', 'd/in/e': 'a folder' },
  ],
  'a listing that has to ask where .. leads': [
    async () => {
      const [sink, listed] = [partSink({ dir: 'd/in' }), manifestOf(['d/../e', 'd/../only', 'b.json'])]
      await byHand(await listed, sink)
    },
    { 'd/in': 'a folder', 'd/in/only': 'only', 'd/in/e': 'a folder', 'd/in/b.json': '{"b":"one"}' },
  ],
  'send over a connection that is still to be made': [
    () => between(['./only', 'b.json'], { isMadeLater: true }),
    { 'd/in': 'a folder', 'd/in/only': 'only', 'd/in/b.json': '{"b":"one"}' },
  ],
  'send of a list that is changed after the call': [
    () => {
      const paths = ['only']
      const sending = between(paths, { isMadeLater: true })
      paths[0] = 'e'
      return sending
    },
    { 'd/in': 'a folder', 'd/in/only': 'only' },
  ],
  'what is attached before the first answer': [
    () => between(['e'], { attached: [['only'], ['./b.json', 'd/../a.json']] }),
    {
      'd/in': 'a folder',
      'd/in/e': 'a folder',
      'd/in/only': 'only',
      'd/in/b.json': '{"b":"one"}',
      'd/in/a.json': '{"of":"one"}',
    },
  ],
}

async function byHand(listed: Manifest, sink: ReturnType<typeof partSink>): Promise<void> {
  const source = fileSource(listed)
  await pipeline(source, hashTap(), framer(), deframer(), demuxer(), hashTap(), sink, finalizer())
}

/** Sends into `d/in`, and attaches what is to be attached at once. */
async function between(paths: string[], options: { isMadeLater?: true; attached?: string[][] }) {
  const [near, far] = duplexPair()
  const receiver = receive(far, { dir: 'd/in', accept: 'all' })
  const isOpen: SendOptions = options.attached ? { open: true } : {}
  const sender = send(options.isMadeLater ? async () => near : near, paths, isOpen)
  const attaching = options.attached?.map((more) => sender.attach(more)) ?? []
  if (options.attached) sender.end()
  await Promise.all([...attaching, sender.finished, receiver.finished])
}

async function removed({ backup }: { backup?: string }): Promise<void> {
  if (backup === undefined) throw new Error('no backup')
  await rm(backup)
}

/** The texts of the files below a folder, but for those of our own folders. */
async function textsOf(dir: string): Promise<Change> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const paths = entries.map((entry) => [join(entry.parentPath, entry.name), entry.isFile()] as const)
  const ours = paths.filter(([path]) => !path.includes('.sluice'))
  const read = ours.map(async ([path, isFile]) => [
    relative(dir, path),
    isFile ? await readFile(path, 'utf8') : 'a folder',
  ])
  return Object.fromEntries(await Promise.all(read))
}

const home = process.cwd()

for (const [name, [act, change]] of Object.entries(OPERATIONS)) {
  test.serial(`a relative path means what it meant at the call: ${name}`, async (t) => {
    const dir = await temporary(t)
    const content = (of: string) => ({
      'a.json': `{"of":"${of}"}`,
      'b.json': `{"b":"${of}"}`,
      only: of === 'one' ? 'only' : 'a longer one',
      d: null,
      e: null,
      'trail.jsonl': JSON.stringify({ operation: of, path: '', status: 'ok', duration: 0 }),
    })
    const one = await plant(join(dir, 'one'), content('one'))
    const two = await plant(join(dir, 'two'), content('two'))
    const [before, other] = [await textsOf(one), await textsOf(two)]
    try {
      process.chdir(one)
      const running = act()
      process.chdir(two)
      await t.notThrowsAsync(running)
    } finally {
      process.chdir(home)
    }
    t.deepEqual(await textsOf(two), other)
    t.deepEqual((await readdir(dir)).sort(), ['one', 'two'])
    const wanted: Change = { ...before, ...change }
    for (const [path, text] of Object.entries(wanted)) if (text === undefined) delete wanted[path]
    t.deepEqual(await textsOf(one), wanted)
  })
}

test.serial(
  'without a working folder a relative path is an error that says so, an absolute one works',
  async (t) => {
    const dir = await temporary(t)
    const gone = join(dir, 'gone')
    await mkdir(gone)
    try {
      process.chdir(gone)
      await rm(gone, { recursive: true })
      const error = await t.throwsAsync(writeJson('a.json', 1), {
        code: 'ERR_NO_SUCH_FILE',
        message: /absolute/,
      })
      t.like(error?.cause, { code: 'ENOENT' })
      t.is((await writeJson(join(dir, 'a.json'), 1)).path, join(dir, 'a.json'))
      for (const path of ['a.json', './a.json', 'x/../a.json'])
        await t.throwsAsync(manifestOf([join(dir, 'a.json'), path]), {
          code: 'ERR_NO_SUCH_FILE',
          message: /absolute/,
        })
      t.is((await manifestOf([join(dir, 'a.json')])).offer.entries.length, 1)
    } finally {
      process.chdir(home)
    }
  },
)
