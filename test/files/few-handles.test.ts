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
  rotations: [600, 1],
  recoveries: [600, 0],
  managers: [scale(100, 600), 1],
  copyIn: [scale(400, 2000), 2],
  parts: [400, 1],
  moveIn: [scale(400, 2000), 1],
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

test('with 200 handles 1000 trails into one file share one, and each leaves its record', async (t) => {
  if (process.platform !== 'linux') return void t.pass()
  const dir = await temporary(t)
  t.is(await run('trails', dir, 1000), '')
  t.is((await summarizeAudit(readAudit(join(dir, 'audit.jsonl')))).records, 1000)
})
