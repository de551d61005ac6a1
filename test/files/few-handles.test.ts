import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
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

for (const [what, [count, each]] of Object.entries(COUNTS)) {
  test(`with 200 handles ${count} ${what} at once wait for each other`, async (t) => {
    if (process.platform !== 'linux') return void t.pass()
    const dir = await temporary(t)
    const script = 'ulimit -n 200; exec "$0" "$@"'
    const args = ['-c', script, process.execPath, CHILD, what, dir, `${count}`]
    const { stdout } = await promisify(execFile)('sh', args, { maxBuffer: 2 ** 24 })
    t.is(stdout, '')
    const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((one) => one.isFile())
    t.is(files.length, each * count)
  })
}
