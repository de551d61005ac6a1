// Says what a process has loaded:  loading-child DIR USE...
// As JSON: `imported` by the import of sluice/files, `used` by each use of it that was named, in turn, and not by those
// before it. URLs, and paths of what was required.
import { appendFileSync, mkdtempSync, readFileSync } from 'node:fs'
import { createRequire, register } from 'node:module'
import { join } from 'node:path'

const [folder, ...names] = process.argv.slice(2) as [string, ...string[]]
const log = join(folder, 'loaded.txt')
let dir = folder

// the loader is another thread, which has written the line before a module is there
const loader = `
  import { appendFileSync } from 'node:fs'
  export async function load(url, context, next) {
    appendFileSync(${JSON.stringify(log)}, url + '\\n')
    return next(url, context)
  }`
appendFileSync(log, '')
register(`data:text/javascript,${encodeURIComponent(loader)}`)

const { cache } = createRequire(import.meta.url)
const loaded = () => [...readFileSync(log, 'utf8').split('\n'), ...Object.keys(cache)]

const files = await import('sluice/files')
const imported = loaded()

/** Uses of the library, each in a folder of its own. */
const USES: Record<string, () => Promise<unknown>> = {
  writeFileAtomic: () => files.writeFileAtomic(join(dir, 'a'), 'x'),
  createAtomicWriteStream: () => files.createAtomicWriteStream(join(dir, 'a')).end('x').result,
  AtomicFile: async () => (await files.AtomicFile.open(join(dir, 'a'))).commit(),
  writeJson: () => files.writeJson(join(dir, 'a.json'), 1),
  'writeJson with schema': () => files.writeJson(join(dir, 'a.json'), 1, { schema: { type: 'number' } }),
  writeYaml: () => files.writeYaml(join(dir, 'a.yaml'), 1),
  readFileRetry: () => files.readFileRetry(log),
  checkFile: () => files.checkFile(log, { digest: { algorithm: 'sha256', hex: '00'.repeat(32) } }),
  updateJson: () => files.updateJson(join(dir, 'a.json'), () => 1),
  renameAtomic: () =>
    files.renameAtomic(log, join(dir, 'b')).then(() => files.renameAtomic(join(dir, 'b'), log)),
  FolderLock: async () => (await files.FolderLock.acquire(dir)).release(),
  FileTransaction: async () => {
    const transaction = await files.FileTransaction.begin(dir)
    await transaction.write('a', 'x')
    await transaction.commit()
  },
  AuditTrail: async () => (await files.AuditTrail.open(join(dir, 'a'))).close(),
  rotateFile: async () => {
    await files.writeFileAtomic(join(dir, 'a'), 'x')
    await files.rotateFile(join(dir, 'a'), { compress: true })
  },
  PartFile: async () => {
    const content = Buffer.from('x')
    const part = await files.PartFile.open(join(dir, 'a'), { size: 1, journal: true })
    await part.write(0, content)
    await part.close()
  },
}
const used: Record<string, string[]> = {}
for (const name of names) {
  const before = new Set(loaded())
  dir = mkdtempSync(join(folder, 'use-'))
  await USES[name]!()
  used[name] = loaded().filter((url) => !before.has(url))
}
console.log(JSON.stringify({ imported, used, uses: Object.keys(USES) }))
