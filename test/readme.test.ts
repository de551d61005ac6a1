import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { run } from './helpers/command.js'
import { listing, plant, temporary } from './helpers/folders.js'

// The code on the pages is what a reader copies: it is compiled, and where it stands alone it is run.

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TSC = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
/** And how many samples they have at least. */
const PAGES = { 'README.md': 6, 'lib/README.md': 1, 'lib/files/README.md': 2 }
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
  '--strict --exactOptionalPropertyTypes --module nodenext --target es2023 --lib es2023,esnext.disposable --types node --skipLibCheck --ignoreConfig'

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

/** What the compiler says of these files; nothing, if it has made programs of them. */
async function compiled(paths: string[]): Promise<string> {
  const compile = promisify(execFile)(process.execPath, [TSC, ...OPTIONS.split(' '), ...paths])
  return compile.then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  )
}

/** Runs the sample of README.md that has this text in it, with code that stands before and behind it. */
async function runSample(
  t: ExecutionContext<unknown>,
  having: string,
  {
    before = '',
    behind = '',
    cwd,
    change = (code) => code,
  }: { before?: string; behind?: string; cwd: string; change?: (code: string) => string },
): Promise<string> {
  const code = (await blocksOf('README.md')).find((block) => block.includes(having))!
  const path = join(await inPackage(t), 'sample.ts')
  await writeFile(path, `${before}\n${change(code)}\n${behind}`)
  t.is(await compiled([path]), '')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [path.replace(/\.ts$/, '.js')], {
    cwd,
  })
  t.is(stderr, '')
  return stdout
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
  t.is(await compiled(paths), '')
  for (const path of runs) {
    const cwd = join(await temporary(t), basename(path))
    await mkdir(cwd)
    await t.notThrowsAsync(promisify(execFile)(process.execPath, [path], { cwd }), basename(path))
  }
})

test('the server and the client of README.md move a folder', async (t) => {
  const cwd = await plant(await temporary(t), {
    'photos/a.jpg': 'a',
    'photos/deep/b.jpg': Buffer.alloc(200_000),
  })
  // one that is free, and known at once where no address is said: a number that was found before may be taken by now
  const change = (code: string) =>
    code
      .replace("listen(7000, '127.0.0.1')", 'listen(0)')
      .replace('port: 7000', "port: (server.address() as import('node:net').AddressInfo).port")
  const output = await runSample(t, 'server.listen(', {
    before: `
const routes: import('node:http').RequestListener = (_request, response) => void response.end()
const dir = 'inbox'
const key = Buffer.alloc(32, 'k')`,
    // so that the program ends
    behind: `server.on('upgrade', () => server.close())`,
    cwd,
    change,
  })
  t.regex(output, /photos\/deep\/b\.jpg.*published/)
  t.deepEqual(await listing(join(cwd, 'inbox/photos')), await listing(join(cwd, 'photos')))
})

test('the two peers of README.md move a folder, by the ticket that one gives the other', async (t) => {
  const [here, there] = [await temporary(t), await plant(await temporary(t), { 'photos/a.jpg': 'a' })]
  const folder = await inPackage(t)
  const blocks = await blocksOf('README.md')
  const paths = ['listen({', 'decodeTicket('].map((having, n) => ({
    path: join(folder, `${n}.ts`),
    // only this machine is to reach it
    code: blocks.find((block) => block.includes(having))!.replace("'*:0'", "'127.0.0.1:0'"),
  }))
  for (const { path, code } of paths) await writeFile(path, code)
  t.is(await compiled(paths.map(({ path }) => path)), '')
  const [listener, dialler] = paths.map(({ path }) => path.replace(/\.ts$/, '.js'))
  const env = async () => ({ ...process.env, SLUICE_HOME: join(await temporary(t), 'home') })
  const waiting = spawn(process.execPath, [listener!], {
    cwd: here,
    env: await env(),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => waiting.kill('SIGKILL'))
  const [ticket] = (await once(createInterface(waiting.stdout), 'line')) as [string]
  await promisify(execFile)(process.execPath, [dialler!, ticket], { cwd: there, env: await env() })
  t.deepEqual(await listing(join(here, 'inbox')), await listing(there))
})

test('the upload of README.md answers what became of each file, and a client hears why not', async (t) => {
  const cwd = await plant(await temporary(t), {
    'photos/a.jpg': 'a',
    'photos/b.jpg': Buffer.alloc(2_000_000),
  })
  const port = "port: (server.address() as import('node:net').AddressInfo).port"
  const output = await runSample(t, 'async function upload(', {
    before: `const dir = 'inbox'`,
    behind: `
import { text } from 'node:stream/consumers'
const there = await send(['photos'])
console.log(await text(there))
const bad = request({ method: 'POST', ${port}, host: '127.0.0.1' })
const answer = new Promise<IncomingMessage>((resolve) => bad.once('response', resolve))
bad.end('no stream of files')
const { statusCode } = await answer
console.log(statusCode, await text(await answer))
const gone = request({ method: 'POST', ${port}, host: '127.0.0.1' }).on('error', () => {})
gone.write('\x89SLUICE')
await new Promise((resolve) => server.once('request', resolve))
gone.destroy()
server.close(() => console.log('closed'))`,
    cwd,
    change: (code) => code.replaceAll('port: 7000', port).replace("listen(7000, '127.0.0.1')", 'listen(0)'),
  })
  t.regex(output, /"path":"photos\/b.jpg","status":"published"/)
  t.regex(output, /^400 .*not a Sluice peer/m)
  t.regex(output, /^closed$/m)
  t.deepEqual(await listing(join(cwd, 'inbox/photos')), await listing(join(cwd, 'photos')))
})

test('the suite of README.md passes the stage of README.md', async (t) => {
  const output = await runSample(t, 'transformConformance(', { cwd: await temporary(t) })
  t.regex(output, /pass [1-9]/)
})

test('each option that README.md names for the command is in its help', async (t) => {
  const page = await readFile(join(ROOT, 'README.md'), 'utf8')
  const part = page.slice(page.indexOf('## From one machine'), page.indexOf('## In code'))
  // what other programs call it stands on the left of their table
  const [ours, theirs] = part.split('| theirs | here |')
  const here = theirs!.replaceAll(/^\| .*? \| (?=.* \|$)/gm, '')
  const code = [...`${ours}${here}`.matchAll(/```[\s\S]*?```|`[^`\n]+`/g)].join(' ')
  const named = new Set(code.match(/(?<![\w-])--[a-z][a-z-]*/g))
  t.true(named.size > 25)
  const commands = ['send', 'receive', 'pack', 'write', 'status', 'clean', 'recover', 'verify', 'peers set']
  const helps = await Promise.all(commands.map((command) => run(t, ...command.split(' '), '--help')))
  const known = new Set(helps.flatMap(({ out }) => out.match(/--[a-z][a-z-]*/g) ?? []))
  t.deepEqual(
    [...named].filter((flag) => !known.has(flag)),
    [],
  )
})
