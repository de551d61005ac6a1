import test from 'ava'
import {
  createAtomicWriteStream,
  type FileSystem,
  mergeConfig,
  renameAtomic,
  updateJson,
  writeFileAtomic,
  writeJson,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

type Options = { fs: FileSystem; replaceReadOnly?: boolean }

/** What replaces the file at /d/a.json, that holds `0`. */
const REPLACING: Record<string, (options: Options) => Promise<unknown>> = {
  writeFileAtomic: (options) => writeFileAtomic('/d/a.json', '1', options),
  'writeFileAtomic through a link': (options) => writeFileAtomic('/d/link', '1', options),
  'writeFileAtomic of pieces': (options) => writeFileAtomic('/d/a.json', ['1'], options),
  writeJson: (options) => writeJson('/d/a.json', 1, { ...options, backup: 1 }),
  createAtomicWriteStream: (options) => {
    const stream = createAtomicWriteStream('/d/a.json', options)
    stream.on('error', () => {})
    return stream.end('1').result
  },
  updateJson: (options) => updateJson('/d/a.json', () => 1, options),
  mergeConfig: (options) => mergeConfig([{ path: '/d/none.json', optional: true }], '/d/a.json', options),
  renameAtomic: (options) => renameAtomic('/d/b.json', '/d/a.json', options),
}

async function disk(mode: number): Promise<MemoryDisk> {
  const fs = new MemoryDisk()
  fs.put('/d/a.json', '0', mode)
  fs.put('/d/b.json', '1')
  await fs.symlink('a.json', '/d/link')
  return fs
}

for (const [name, replace] of Object.entries(REPLACING))
  test(`${name} replaces a file that nobody may write to only where that is asked for`, async (t) => {
    for (const mode of [0o444, 0o400, 0o555, 0]) {
      const fs = await disk(mode)
      const before = fs.snapshot()
      const refused = { code: 'ERR_PERMISSION', message: /^\/d\/a\.json is read-only .*replaceReadOnly/ }
      await t.throwsAsync(replace({ fs }), refused)
      t.deepEqual(fs.snapshot(), before)
      await replace({ fs, replaceReadOnly: true })
      t.not(`${fs.snapshot().get('/d/a.json')}`, '0')
    }
    // a group or others that may write are somebody
    for (const mode of [0o644, 0o200, 0o020, 0o002]) await replace({ fs: await disk(mode) })
  })

test('what is not replaced may be read-only: another name is taken, or the link itself is replaced', async (t) => {
  const fs = await disk(0o444)
  t.is((await writeFileAtomic('/d/a.json', '1', { fs, conflict: 'rename' })).path, '/d/a_1.json')
  await writeFileAtomic('/d/link', '1', { fs, symlink: 'replace' })
  t.is((await renameAtomic('/d/b.json', '/d/a.json', { fs, conflict: 'rename' })).path, '/d/a_2.json')
  // it is the source that is read-only
  await renameAtomic('/d/a.json', '/d/c.json', { fs })
  t.is(`${fs.snapshot().get('/d/c.json')}`, '0')
  await t.throwsAsync(writeFileAtomic('/d/c.json', '1', { fs, replaceReadOnly: 1 as never }), {
    code: 'ERR_USAGE',
  })
})
