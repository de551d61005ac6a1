import test from 'ava'
import {
  checkFile,
  createAtomicWriteStream,
  FileTransaction,
  readFileRetry,
  removeBackups,
  removeOrphans,
  renameAtomic,
  rotateFile,
  writeConfig,
  writeFileAtomic,
  writeJson,
  writeYaml,
} from '../../lib/files/index.js'
import { MemoryDisk } from '../../lib/testing/index.js'

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
    const options = { fs, mode: mode as number }
    const message = `mode must be permission bits from 0o000 to 0o777, not ${said}`
    await t.throwsAsync(writeFileAtomic('/d/file', '', options), { code: 'ERR_USAGE', message })
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
