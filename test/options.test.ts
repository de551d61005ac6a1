import { PassThrough, Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import {
  batch,
  checkFile,
  createAtomicWriteStream,
  FileTransaction,
  FolderLock,
  RecoveryManager,
  readFileRetry,
  recoverTransactions,
  removeBackups,
  removeOrphans,
  renameAtomic,
  rotateFile,
  Tree,
  temporaryName,
  updateJson,
  writeConfig,
  writeFileAtomic,
  writeJson,
  writeYaml,
} from '../lib/files/index.js'
import { deframer, demuxer, finalizer, framer, partSink } from '../lib/index.js'
import { badOption } from '../lib/options.js'
import { MemoryDisk } from '../lib/testing/disk/memory-disk.js'

test('an encoding in the place of the options, as node:fs takes it, is refused and not passed over', async (t) => {
  for (const wrong of ['utf8', null, 0o600] as unknown as { fs?: never }[]) {
    const calls: (() => unknown)[] = [
      () => writeFileAtomic('/none/file', '', wrong),
      () => writeJson('/none/file', {}, wrong),
      () => writeYaml('/none/file', {}, wrong),
      () => writeConfig('/none/file.json', {}, wrong),
      () => createAtomicWriteStream('/none/file', wrong),
      () => readFileRetry('/none/file', wrong),
      () => checkFile('/none/file', wrong),
      () => renameAtomic('/none/file', '/none/to', wrong),
      () => removeOrphans('/none', wrong),
      () => removeBackups('/none', wrong as never),
      () => rotateFile('/none/file', wrong as never),
    ]
    for (const call of calls) {
      await t.throwsAsync(
        async () => call(),
        { code: 'ERR_USAGE', message: /^options must be an object/ },
        `${call}`,
      )
    }
  }
})

test('a pipeline that is given a stage without its call says so', async (t) => {
  const stages = [framer, deframer, demuxer, partSink, finalizer] as unknown as ((
    source: Readable,
  ) => Transform)[]
  for (const stage of stages) {
    const error = await t.throwsAsync(pipeline(Readable.from([]), stage, new PassThrough()), {
      code: 'ERR_USAGE',
    })
    t.is(
      error?.message,
      'options must be an object, not a stream; in a pipeline a stage stands with its call, as framer()',
    )
  }
})

test('a mode that is none is refused in octal, as modes are written', async (t) => {
  const fs = new MemoryDisk()
  fs.putFolder('/d')
  const transaction = await FileTransaction.begin('/d', { fs })
  const wrong: [unknown, string][] = [
    [644, '644 (0o1204)'],
    [0o1777, '1023 (0o1777)'],
    [-1, '-1'],
    ['644', '"644"'],
  ]
  for (const [mode, said] of wrong) {
    const options = { mode: mode as number }
    const message = `mode must be permission bits from 0o000 to 0o777, not ${said}`
    await t.throwsAsync(writeFileAtomic('/d/file', '', { fs, ...options }), { code: 'ERR_USAGE', message })
    await t.throwsAsync(transaction.write('file', '', options), { code: 'ERR_USAGE', message })
  }
  await transaction.rollback()
  t.deepEqual(fs.list(), ['/d/'])
})

test('a switch of removeOrphans is true or false', async (t) => {
  for (const name of ['dryRun', 'recursive']) {
    const options = { fs: new MemoryDisk(), [name]: 'no' }
    await t.throwsAsync(removeOrphans('/', options), {
      code: 'ERR_USAGE',
      message: new RegExp(`^${name} must`),
    })
  }
})

test('half of a surrogate pair, in whose place the system would put another character, is refused in any path', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/a\ufffd.json', 'of the user')
  const [path, options] = ['/d/a\ud800.json', { fs: disk }]
  const calls: (() => unknown)[] = [
    () => writeFileAtomic(path, '', options),
    () => writeJson(path, {}, options),
    () => createAtomicWriteStream(path, options),
    () => updateJson(path, () => 1, options),
    () => readFileRetry(path, options),
    () => checkFile(path, options),
    () => renameAtomic(path, '/d/to', options),
    () => renameAtomic('/d/a\ufffd.json', path, options),
    () => rotateFile(path, options),
    () => removeOrphans(path, options),
    () => FolderLock.acquire(path, options),
    () => RecoveryManager.open(path, options),
  ]
  for (const call of calls)
    await t.throwsAsync(
      async () => call(),
      { code: 'ERR_USAGE', message: /pair, not .*\\u\{d800\}/ },
      `${call}`,
    )
  await t.throwsAsync(async () => FolderLock.acquire('/d', { ...options, name: '\udfff' }), {
    code: 'ERR_USAGE',
  })
  t.throws(() => temporaryName({ prefix: '\ud800' }), { code: 'ERR_USAGE' })
  t.notThrows(() => temporaryName({ prefix: '\u{1f600}' }))
  await using transaction = await FileTransaction.begin('/d', options)
  const refused = { code: 'ERR_PATH', message: /"b\\u\{d800\}" holds half .* whole/ }
  await t.throwsAsync(transaction.write('b\ud800', 'one'), refused)
  await t.throwsAsync(transaction.move('b\ud800', 'c'), refused)
  await using manager = await RecoveryManager.open('/d', options)
  await t.throwsAsync(manager.before('write', 'b\ud800'), { code: 'ERR_USAGE' })
  const tree = await Tree.open('/d', options)
  await t.throwsAsync(tree.folder('b\ud800'), refused)
  await tree.close()
  t.deepEqual([...disk.snapshot()].map(String), ['/d/a\ufffd.json,of the user'])
})

test('arguments and options that are missing or wrong are named', async (t) => {
  const fs = new MemoryDisk()
  fs.putFolder('/d')
  const none = undefined as never
  const wrong = 5 as never
  const calls: [option: RegExp, call: () => unknown][] = [
    [/^folder must/, () => recoverTransactions(none)],
    [/^dryRun must/, () => recoverTransactions('/d', { fs, dryRun: 'yes' as never })],
    [/^orphans must/, () => recoverTransactions('/d', { fs, orphans: 'no' as never })],
    [/^folder must/, () => FileTransaction.begin(none)],
    [/^options must/, () => FileTransaction.begin('/d', wrong)],
    [/^audit must/, () => FileTransaction.begin('/d', { fs, audit: wrong })],
    [/^folder must/, () => RecoveryManager.open(none)],
    [/^options must/, () => RecoveryManager.open('/d', null as never)],
    [/^audit must/, () => RecoveryManager.open('/d', { fs, audit: wrong })],
    [/^name must/, () => batch(none, none)],
    [/^work must/, () => batch('x', none)],
  ]
  for (const [message, call] of calls)
    await t.throwsAsync(async () => call(), { code: 'ERR_USAGE', message }, `${call}`)
  const message = /^each path must be a text, relative to \/d/
  for (const act of ['write', 'writeJson', 'copy', 'move', 'delete'] as const) {
    await using transaction = await FileTransaction.begin('/d', { fs })
    await t.throwsAsync(transaction[act](none, none), { code: 'ERR_USAGE' }, act)
    const to = act === 'delete' ? [none] : [none, 'text']
    await t.throwsAsync(transaction[act](...(to as [never, never])), { code: 'ERR_USAGE', message }, act)
  }
  await using manager = await RecoveryManager.open('/d', { fs })
  await t.throwsAsync(manager.after(none), { code: 'ERR_USAGE', message: /^point must/ })
  await t.throwsAsync(manager.before('write', none), { code: 'ERR_USAGE', message: /^path must/ })
})

test('a message shows what was given unmistakably', (t) => {
  const other: unknown[] = ['a list', 'an object', 'a function', 'undefined', 'null', 'true', '3n', 'NaN']
  const given: [unknown, string][] = [
    ...other.map((text): [unknown, string] => [text, `"${text}"`]),
    ['', '""'],
    ['3', '"3"'],
    ['a\n\u202eb', '"a\\n\\u{202e}b"'],
    ['x'.repeat(200), `"${'x'.repeat(100)}…"`],
    [3, '3'],
    [-0, '-0'],
    [Number.NaN, 'NaN'],
    [3n, '3n'],
    [10n ** 200n, `1${'0'.repeat(99)}…n`],
    [undefined, 'undefined'],
    [null, 'null'],
    [true, 'true'],
    [Symbol('s'), 'Symbol(s)'],
    [[], 'an empty list'],
    [['a'], 'a list'],
    [{}, 'an object'],
    [Object.create(null), 'an object'],
    [{ constructor: 5 }, 'an object'],
    [() => {}, 'a function'],
    [MemoryDisk, 'the class MemoryDisk'],
    [class {}, 'the class without a name'],
    [new MemoryDisk(), 'an object of the class MemoryDisk'],
    [new (class {})(), 'an object of the class without a name'],
    [new (class URL {})(), 'an object of the class URL'],
    [new Map(), 'an object of the class Map'],
    [new String('3'), 'an object of the class String'],
    [Promise.resolve(3), 'a promise, which was not awaited'],
    [Buffer.from('abc'), 'a Buffer of 3 bytes'],
    [new Uint8Array(1), 'a Uint8Array of 1 byte'],
    [new URL('file:///a%20b'), 'the URL file:///a%20b'],
    [new URL('http://h/'), 'the URL http://h/'],
  ]
  for (const [value, shown] of given)
    t.is(badOption('it', 'right', value).message, `it must be right, not ${shown}`)
})
