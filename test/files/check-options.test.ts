import test from 'ava'
import {
  checkFile,
  createAtomicWriteStream,
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

test('a switch of removeOrphans is true or false', async (t) => {
  for (const name of ['dryRun', 'recursive']) {
    const options = { fs: new MemoryDisk(), [name]: 'no' }
    await t.throwsAsync(removeOrphans('/', options), {
      code: 'ERR_USAGE',
      message: new RegExp(`^${name} must`),
    })
  }
})
