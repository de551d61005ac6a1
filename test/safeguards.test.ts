import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { allSafeguards, type Safeguard } from './fixtures/safeguards.js'
import { LONG } from './helpers/scale.js'

// Each safeguard is taken away in turn, in a copy of what was built: then a test has to fail. What no test misses,
// nobody would notice if it went. The list of them is printed.

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const AVA = fileURLToPath(import.meta.resolve('ava')).replace(/entrypoints.*/, 'entrypoints/cli.mjs')

const safeguards = await allSafeguards(join(ROOT, 'dist/lib'))

/** In the short run some that are quick. */
const chosen = LONG ? safeguards : safeguards.filter(({ inShort }) => inShort)

let project: string

/** What only people and editors read is not copied: it is most of what was built. */
const isRun = (path: string) => !/\.(?:map|d\.ts)$/.test(path)

test.before(async (t) => {
  t.timeout(60_000)
  project = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  // not all of dist: other tests put folders of their own there, and take them away
  const built = ['bin', 'examples', 'lib', 'man', 'test'].map((name) => join('dist', name))
  for (const part of [...built, 'examples', 'lib/cli/ui/events.schema.json'])
    await cp(join(ROOT, part), join(project, part), { recursive: true, filter: isRun })
  // who imports the package gets the modules, too, and not the bundle: only those are changed
  const manifest = await readFile(join(ROOT, 'package.json'), 'utf8')
  await writeFile(join(project, 'package.json'), manifest.replaceAll('dist/library/', 'dist/lib/'))
  await symlink(join(ROOT, 'node_modules'), join(project, 'node_modules'))
})

test.after.always(() => rm(project, { recursive: true, force: true }))

test('the list of safeguards fits the code', (t) => {
  const names = safeguards.map(({ name }) => name)
  t.is(new Set(names).size, names.length)
  for (const { name, found, tests } of safeguards) {
    t.is(found, 1, `${name}: its text stands ${found} times in the code`)
    t.true(tests.length > 0, `${name}: it names no tests`)
  }
  t.true(chosen.length > 3)
})

/** Says which of the texts that it is given, as JSON, are no modules. */
const PARSER = `
  import { SourceTextModule } from 'node:vm'
  import { json } from 'node:stream/consumers'
  for (const [name, text] of await json(process.stdin))
    try { new SourceTextModule(text) } catch (error) { console.log(name + ': ' + error.message) }`

test('without each of them there is still a program', async (t) => {
  const texts = await Promise.all(
    safeguards.map(async ({ name, module, without }) => {
      const whole = await readFile(join(ROOT, 'dist/lib', `${module}.js`), 'utf8')
      return [name, without(whole)]
    }),
  )
  const args = ['--experimental-vm-modules', '--no-warnings', '--input-type=module', '-e', PARSER]
  const wrong = await new Promise<string>((resolve) => {
    const child = execFile(process.execPath, args, (error, stdout) => resolve(error?.message ?? stdout))
    child.stdin!.end(JSON.stringify(texts))
  })
  t.is(wrong, '')
})

for (const safeguard of chosen) {
  test.serial(`a test fails without this: ${safeguard.name}`, async (t) => {
    t.timeout(10 * 60_000)
    // few cases notice most of them, and take seconds
    for (const scale of LONG ? ['', 'half'] : [''])
      for (const file of safeguard.tests) {
        const failed = await failingTest(file, safeguard, scale)
        if (failed === undefined) continue
        t.log(`noticed by ${file}: ${failed}`)
        t.pass()
        return
      }
    t.fail(`nobody notices; run were ${safeguard.tests.join(', ')}`)
  })
}

/** The first test of the file that fails without the safeguard. */
async function failingTest(
  file: string,
  { module, without }: Safeguard,
  scale: string,
): Promise<string | undefined> {
  const path = join(project, 'dist/lib', `${module}.js`)
  const whole = await readFile(path, 'utf8')
  await writeFile(path, without(whole))
  try {
    const args = [AVA, '--fail-fast', '--timeout=5m', `dist/test/${file}.test.js`]
    const env = { ...process.env, SLUICE_LONG: scale, NODE_V8_COVERAGE: '' }
    const out = await new Promise<string>((resolve) => {
      execFile(process.execPath, args, { cwd: project, env }, (_error, stdout) => resolve(stdout))
    })
    return /✘ \[fail\]: (.*)/.exec(out)?.[1]
  } finally {
    await writeFile(path, whole)
  }
}
