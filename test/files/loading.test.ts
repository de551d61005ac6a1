import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { temporary } from '../helpers/folders.js'

const CHILD = fileURLToPath(new URL('../helpers/loading-child.js', import.meta.url))
const { dependencies } = JSON.parse(
  await readFile(new URL('../../../package.json', import.meta.url), 'utf8'),
) as { dependencies: Record<string, string> }

/** The packages that a use needs, where it needs any. */
const NEEDED: Record<string, string[]> = {
  'writeJson with schema': ['ajv'],
  writeYaml: ['yaml'],
}

interface Loaded {
  imported: string[]
  used: Record<string, string[]>
  uses: string[]
}

async function load(t: ExecutionContext, ...uses: string[]): Promise<Loaded> {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, await temporary(t), ...uses])
  return JSON.parse(stdout)
}

/** The packages of ours among what was loaded. Those that they load themselves are theirs to choose. */
const packagesIn = (loaded: string[]) =>
  Object.keys(dependencies).filter((name) =>
    loaded.some((one) => one.replaceAll('\\', '/').includes(`/node_modules/${name}/`)),
  )

/** The modules of ours that are in what was loaded, below lib/: several are in one file, whose map names them. */
const oursIn = (loaded: string[]) =>
  loaded
    .filter((one) => /\/dist\/library\/shared\/.*\.js$/.test(one))
    .flatMap((one): string[] => JSON.parse(readFileSync(`${fileURLToPath(one)}.map`, 'utf8')).sources)
    .map((source) => /\/lib\/(.*)\.ts$/.exec(source)![1]!)

const MAY_BE = /^(?:files|digest)\/|^(?:options|errors|async|clock|ranges)$/

test('importing sluice/files loads nothing of transfers, and no package', async (t) => {
  const { imported } = await load(t)
  t.true(oursIn(imported).includes('files/lock/folder-lock'))
  t.deepEqual(
    oursIn(imported).filter((path) => !MAY_BE.test(path)),
    [],
  )
  t.deepEqual(packagesIn(imported), [])
})

test('each use loads the packages that it needs, and nothing of transfers', async (t) => {
  const { uses } = await load(t)
  // those that need nothing share a process; what needs something would hide that another one loads it
  const needing = Object.keys(NEEDED)
  const together = uses.filter((use) => !needing.includes(use))
  for (const group of [together, ...needing.map((use) => [use])])
    for (const [use, loaded] of Object.entries((await load(t, ...group)).used)) {
      t.deepEqual(packagesIn(loaded), NEEDED[use] ?? [], use)
      t.deepEqual(
        oursIn(loaded).filter((path) => !MAY_BE.test(path)),
        [],
        use,
      )
    }
})
