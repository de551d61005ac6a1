import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { receive } from '../lib/receive.js'
import { send } from '../lib/send.js'
import { MAIN } from './helpers/command.js'
import { listing, temporary } from './helpers/folders.js'
import { scale } from './helpers/scale.js'
import { connection } from './helpers/sockets.js'

const execute = promisify(execFile)

type Trip = (t: ExecutionContext<unknown>, source: string, dir: string) => Promise<void>

const overTcp: Trip = async (t, source, dir) => {
  const [near, far] = await connection(t)
  const receiving = receive(far, { dir, accept: 'all' })
  const { failed } = await send(near, [join(source, 'tree')], { algorithm: 'blake3' }).finished
  await receiving.finished
  t.is(failed, 0)
}

/** As in a shell; the pipe has the exit status of the first side that failed. */
const throughPipe: Trip = async (_t, source, dir) => {
  const line = 'set -o pipefail; "$0" "$1" pack "$2" | "$0" "$1" unpack --dir "$3"'
  await execute('bash', ['-c', line, process.execPath, MAIN, join(source, 'tree'), dir])
}

/** By `diff -r`, and by modes and times, those of folders as well. */
async function same(t: ExecutionContext<unknown>, source: string, dir: string): Promise<void> {
  const difference = execFileSync('diff', ['-r', join(source, 'tree'), join(dir, 'tree')])
  t.is(String(difference), '')
  t.deepEqual(await listing(dir), await listing(source))
}

const NAMES = [
  'with space',
  "it's",
  '"quoted"',
  'back\\slash',
  'new\nline',
  'emoji 😀',
  'right \u202e to left',
  'zero\u200bwidth',
  '-rf',
  '$(x)',
  '%2e%2e%2f',
  '.hidden',
  'n'.repeat(255),
  'ü'.repeat(127),
]

for (const [way, trip] of [
  ['over TCP', overTcp],
  ['through a pipe', throughPipe],
] as [string, Trip][]) {
  test(`names, modes and times of all kinds arrive ${way} as they are`, async (t) => {
    const source = await temporary(t)
    const dir = await temporary(t)
    const tree = join(source, 'tree')
    for (const [i, name] of NAMES.entries()) {
      const folder = join(tree, `in ${name}`.slice(0, 100))
      await mkdir(folder, { recursive: true })
      await mkdir(join(folder, 'empty folder'))
      const file = join(folder, name)
      await writeFile(file, i % 3 === 0 ? '' : randomBytes(i * 1000))
      await chmod(file, [0o600, 0o755, 0o444, 0o640][i % 4]!)
      await utimes(file, 0, [0, 1_234_567_890.123, 4_000_000_000][i % 3]!)
      await chmod(folder, [0o700, 0o755, 0o500][i % 3]!)
    }
    t.teardown(() => execFileSync('chmod', ['-R', 'u+w', source, dir]))
    await trip(t, source, dir)
    await same(t, source, dir)
  })

  test(`many small files arrive ${way}`, async (t) => {
    t.timeout(10 * 60_000)
    const source = await temporary(t)
    const dir = await temporary(t)
    await mkdir(join(source, 'tree'))
    for (let i = 0; i < scale(300, 10_000); i++)
      await writeFile(join(source, 'tree', `${i}`), randomBytes(4096))
    await trip(t, source, dir)
    await same(t, source, dir)
  })

  test(`a large file arrives ${way}`, async (t) => {
    t.timeout(10 * 60_000)
    const source = await temporary(t)
    const dir = await temporary(t)
    await mkdir(join(source, 'tree'))
    const file = await open(join(source, 'tree', 'large'), 'w')
    for (let i = 0; i < scale(8, 1024); i++) await file.write(randomBytes(2 ** 20))
    await file.close()
    await trip(t, source, dir)
    t.is(String(execFileSync('diff', ['-r', join(source, 'tree'), join(dir, 'tree')])), '')
  })
}
