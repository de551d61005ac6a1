import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { temporary } from './helpers/folders.js'

// The code on the pages is what a reader copies: it is compiled, and where it stands alone it is run.

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TSC = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
/** And how many samples they have at least. */
const PAGES = { 'README.md': 4, 'lib/README.md': 1, 'lib/files/README.md': 2 }
const RUN = ['lib/files/README.md']

/** What the code on the pages takes for granted. */
const GRANTED = `
declare const routes: import('node:http').RequestListener
declare const dir: string
declare const key: Buffer
declare const socket: import('node:stream').Duplex
declare const isInfected: (bytes: Buffer) => boolean
`

const OPTIONS =
  '--strict --module nodenext --target es2023 --lib es2023,esnext.disposable --types node --skipLibCheck --ignoreConfig'

async function blocksOf(page: string): Promise<string[]> {
  const text = await readFile(join(ROOT, page), 'utf8')
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code!)
}

/** A folder inside the package, so that its own name leads to it. */
async function inPackage(t: ExecutionContext<unknown>): Promise<string> {
  const folder = await mkdtemp(join(ROOT, 'dist', 'pages-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('the code on the pages compiles, and that of sluice/files runs', async (t) => {
  const folder = await inPackage(t)
  const paths: string[] = []
  const runs: string[] = []
  for (const [page, least] of Object.entries(PAGES)) {
    const blocks = await blocksOf(page)
    t.true(blocks.length >= least, page)
    for (const [n, code] of blocks.entries()) {
      const path = join(folder, `${page.replaceAll(/\W/g, '-')}-${n}.ts`)
      await writeFile(path, RUN.includes(page) ? code : `${GRANTED}${code}`)
      paths.push(path)
      if (RUN.includes(page)) runs.push(path.replace(/\.ts$/, '.js'))
    }
  }
  const compile = promisify(execFile)(process.execPath, [TSC, ...OPTIONS.split(' '), ...paths])
  const said = await compile.then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  )
  t.is(said, '')
  for (const path of runs) {
    const cwd = join(await temporary(t), basename(path))
    await mkdir(cwd)
    await t.notThrowsAsync(promisify(execFile)(process.execPath, [path], { cwd }), basename(path))
  }
})
