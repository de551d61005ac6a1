import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { readAudit, summarizeAudit } from '../../lib/files/index.js'
import { temporary } from '../helpers/folders.js'
import { scale } from '../helpers/scale.js'

const CHILD = fileURLToPath(new URL('../helpers/many-child.js', import.meta.url))

/** How many at once, and how many files each of them leaves. */
const COUNTS = {
  streams: [scale(250, 1000), 1],
  transactions: [scale(60, 1000), 3],
  rotations: [scale(250, 600), 1],
  recoveries: [scale(250, 600), 0],
  managers: [scale(100, 600), 1],
  copyIn: [scale(250, 2000), 2],
  parts: [scale(250, 400), 1],
  moveIn: [scale(250, 2000), 1],
} as const

async function run(what: string, dir: string, count: number): Promise<string> {
  const script = 'ulimit -n 200; exec "$0" "$@"'
  const args = ['-c', script, process.execPath, CHILD, what, dir, `${count}`]
  return (await promisify(execFile)('sh', args, { maxBuffer: 2 ** 24 })).stdout
}

for (const [what, [count, each]] of Object.entries(COUNTS)) {
  test(`with 200 handles ${count} ${what} at once wait for each other`, async (t) => {
    if (process.platform !== 'linux') return void t.pass()
    const dir = await temporary(t)
    t.is(await run(what, dir, count), '')
    const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((one) => one.isFile())
    t.is(files.length, each * count)
  })
}

test('with 200 handles many trails into one file share one, and each leaves its record', async (t) => {
  const count = scale(250, 1000)
  if (process.platform !== 'linux') return void t.pass()
  const dir = await temporary(t)
  t.is(await run('trails', dir, count), '')
  t.is((await summarizeAudit(readAudit(join(dir, 'audit.jsonl')))).records, count)
})
