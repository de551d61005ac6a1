// What a user can import is on a page, with when to use it.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import * as sluice from 'sluice'
import * as files from 'sluice/files'
import * as peers from 'sluice/peers'
import * as testing from 'sluice/testing'
import { DEFAULT_LIMITS } from '../lib/wire/limits.js'
import { temporary } from './helpers/folders.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFile(join(ROOT, path), 'utf8')

/** The page of each entry point, and how many names it has at least. */
const PAGES: [index: string, page: string, least: number][] = [
  ['lib/index.ts', 'lib/README.md', 100],
  ['lib/testing/index.ts', 'lib/README.md', 25],
  ['lib/peers/index.ts', 'lib/README.md', 40],
  ['lib/files/index.ts', 'lib/files/README.md', 100],
]

/** Names of code that stand on a page, in the running text and in samples. */
async function namesOn(page: string): Promise<Set<string>> {
  const code = [...(await read(page)).matchAll(/```ts\n[\s\S]*?```|`[^`\n]+`/g)].join(' ')
  return new Set(code.match(/\w+/g))
}

/** The names that a module exports. */
async function exportsOf(index: string): Promise<string[]> {
  const lists = [...(await read(index)).matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
  return lists
    .flatMap(([, list]) => list!.split(','))
    .map((one) => one.trim().replace(/^type |^.* as /, ''))
    .filter((name) => name !== '')
}

test('each name of the tables of what is exported is exported', async (t) => {
  const page = await read('lib/README.md')
  const part = page.slice(page.indexOf('## What is exported'), page.indexOf('## Limits'))
  const cells = [...part.matchAll(/^\| ([^|]*) \|/gm)].map(([, cell]) => cell!)
  const named = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!))
  t.true(named.length > 150, String(named.length))
  const exported = new Set([
    ...(await exportsOf('lib/index.ts')),
    ...(await exportsOf('lib/testing/index.ts')),
    ...(await exportsOf('lib/peers/index.ts')),
  ])
  t.deepEqual(
    named.filter((name) => !exported.has(name)),
    [],
  )
})

for (const [index, page, least] of PAGES)
  test(`each name that ${index} exports is in ${page}`, async (t) => {
    const names = await exportsOf(index)
    t.true(names.length >= least, String(names.length))
    const known = await namesOn(page)
    t.deepEqual(
      names.filter((name) => !known.has(name)),
      [],
    )
  })

test('what users import is the library, in a few files', async (t) => {
  for (const [name, bundle] of Object.entries({ '': sluice, files, peers, testing })) {
    const unbundled = (await import(`../lib/${join(name, 'index.js')}`)) as object
    t.deepEqual(Object.keys(bundle).sort(), Object.keys(unbundled).sort(), name)
  }
  const names = await readdir(join(ROOT, 'dist/library'), { recursive: true })
  t.true(names.filter((name) => name.endsWith('.js')).length < 25, names.join())
})

test('all parts of the package are of one piece: an error of one is known to the others', async (t) => {
  t.is(files.PartFile, sluice.PartFile)
  const dir = await temporary(t)
  const error = await t.throwsAsync(files.writeFileAtomic(join(dir, 'none/a'), 'a'))
  t.true(error instanceof sluice.SluiceError)
  const [near, far] = testing.duplexPair()
  const sender = sluice.send(near, [join(ROOT, 'package.json')])
  await Promise.all([sender.finished, sluice.receive(far, { dir, accept: 'all' }).finished])
  t.deepEqual(await readFile(join(dir, 'package.json')), await readFile(join(ROOT, 'package.json')))
})

test('each limit is in a table, with its default', async (t) => {
  const page = await read('lib/README.md')
  for (const [name, value] of Object.entries(DEFAULT_LIMITS))
    t.regex(page, new RegExp(`^\\| .${name}.\\s+\\| ${value.toLocaleString('en')}\\s+\\|`, 'm'), name)
})
