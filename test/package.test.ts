import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { ROOT } from './helpers/command.js'

/** What is in the tarball that people install; undefined where there is no npm. */
async function packed(t: ExecutionContext<unknown>): Promise<Set<string> | undefined> {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const isWindows = process.platform === 'win32'
  const ran = promisify(execFile)('npm', args, { cwd: ROOT, shell: isWindows, maxBuffer: 2 ** 24 })
  const answer = await ran.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (answer === undefined) return void t.pass('no npm here to make a tarball')
  const all = JSON.parse(answer.stdout)
  // a list, or since npm 12 by the name of the package
  const [{ files }] = Object.values(all) as [{ files: { path: string }[] }]
  return new Set(files.map(({ path }) => path))
}

const read = (path: string) => readFile(join(ROOT, path), 'utf8')

test('all that a page of the package links to is in it', async (t) => {
  const files = await packed(t)
  if (!files) return
  const missing: string[] = []
  for (const page of files)
    if (page.endsWith('.md'))
      for (const [, link] of (await read(page)).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        if (/^[a-z]+:/.test(link!)) continue
        const target = posix.join(posix.dirname(page), link!)
        const isThere = files.has(target) || Array.from(files).some((file) => file.startsWith(`${target}/`))
        if (!isThere) missing.push(`${page} links to ${link}`)
      }
  t.true(files.has('README.md'))
  t.deepEqual(missing, [])
})

test('all that package.json names is in the package', async (t) => {
  const files = await packed(t)
  if (!files) return
  const { bin, man, exports } = JSON.parse(await read('package.json'))
  const named = [man, ...Object.values(bin), ...Object.values(exports)] as unknown[]
  const targets = named.flatMap((one) => (typeof one === 'string' ? one : Object.values(one as object)))
  t.true(targets.length > 10, targets.join())
  t.deepEqual(
    targets.map((target) => posix.normalize(target)).filter((target) => !files.has(target)),
    [],
  )
})

test('a map in the package leads to sources in it, and a file to its map; after a build from scratch', async (t) => {
  const files = await packed(t)
  if (!files) return
  const missing: string[] = []
  for (const path of files) {
    const near = (name: string) => posix.join(posix.dirname(path), name)
    if (path.endsWith('.map'))
      for (const source of (JSON.parse(await read(path)) as { sources: string[] }).sources)
        if (!files.has(near(source))) missing.push(`${path} leads to ${source}`)
    if (/\.(js|d\.ts)$/.test(path)) {
      const map = /^\/\/# sourceMappingURL=(\S+)\s*$/m.exec(await read(path))?.[1]
      if (map !== undefined && !files.has(near(map))) missing.push(`${path} leads to ${map}`)
    }
  }
  t.true(files.has('dist/bin/sluice.js') && files.has('dist/library/index.js'))
  t.deepEqual(missing, [])
})

test('nothing that is installed with the package asks to run a script', async (t) => {
  const { packages } = JSON.parse(await read('package-lock.json')) as {
    packages: Record<string, { dev?: boolean; hasInstallScript?: boolean }>
  }
  const asking = Object.entries(packages).filter(([, { dev, hasInstallScript }]) => hasInstallScript && !dev)
  t.deepEqual(asking, [])
  const { scripts } = JSON.parse(await read('package.json'))
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) t.false(name in scripts)
})
