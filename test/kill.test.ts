import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { randomBySeed } from '../lib/testing/splits.js'
import { listing, plant, temporary } from './helpers/folders.js'
import { scale } from './helpers/scale.js'

const CHILD = fileURLToPath(new URL('./helpers/transfer-child.js', import.meta.url))
const NEVER = Number.MAX_SAFE_INTEGER

/** 300 files, most of them small, some empty, a few of several runs; and folders. */
function mixed(): Record<string, Buffer | null> {
  const tree: Record<string, Buffer | null> = { 'tree/empty folder': null }
  for (let i = 0; i < 300; i++) {
    const size = i % 50 === 7 ? 2_000_000 : i % 10 === 3 ? 0 : (i * 977) % 20_000
    tree[`tree/${i % 7}/file ${i}`] = randomBytes(size)
  }
  return tree
}

function child(t: ExecutionContext<unknown>, ...args: (string | number)[]): ChildProcess {
  const process = fork(CHILD, args.map(String), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  t.teardown(() => process.kill('SIGKILL'))
  return process
}

/** Runs a transfer in two processes; gives what each of them said last. */
async function transfer(
  t: ExecutionContext<unknown>,
  source: string,
  dir: string,
  killAt: { send?: number; receive?: number },
): Promise<{ sent: { calls?: number }; received: { calls?: number } }> {
  const receiver = child(t, 'receive', dir, killAt.receive ?? NEVER)
  const [{ port }] = (await once(receiver, 'message')) as [{ port: number }]
  const sender = child(t, 'send', port, join(source, 'tree'), killAt.send ?? NEVER)
  const last = async (process: ChildProcess) => {
    let said: object = {}
    process.on('message', (message) => {
      said = message as object
    })
    await once(process, 'exit')
    return said
  }
  const [sent, received] = await Promise.all([last(sender), last(receiver)])
  return { sent, received }
}

test('either side may be killed at any call of the file system: what has a name is whole, and a rerun completes it', async (t) => {
  t.timeout(scale(3, 60) * 60_000)
  const source = await plant(await temporary(t), mixed())
  const whole = await listing(source)
  const mine = { 'tree/1/mine': 'not to be touched', 'tree/2/file 2': 'another file 2', 'x.part': 'mine' }
  const first = await transfer(t, source, await temporary(t), {})
  const calls = { send: first.sent.calls!, receive: first.received.calls! }
  t.true(calls.send > 300 && calls.receive > 300, JSON.stringify(calls))

  const random = randomBySeed(20)
  for (let round = 0; round < scale(4, 200); round++) {
    const side = round % 2 === 0 ? 'receive' : 'send'
    const at = 1 + Math.floor(random() * calls[side])
    const dir = await plant(await temporary(t), mine)
    await transfer(t, source, dir, { [side]: at })
    for (const [path, line] of Object.entries(await listing(dir))) {
      if (Object.hasOwn(mine, path)) continue
      const known = whole[path.replace(/file 2_1$/, 'file 2')]
      if (known !== undefined && line.startsWith('folder')) continue
      if (known === undefined) t.regex(path, /\.part$|^\.sluice/, `${path} after ${side} was killed at ${at}`)
      else t.is(line, known, `${path} after ${side} was killed at ${at}`)
    }
    await transfer(t, source, dir, {})
    const complete = await listing(dir)
    const expected: Record<string, string> = { ...whole, 'tree/2/file 2_1': whole['tree/2/file 2']! }
    for (const [path, text] of Object.entries(mine)) {
      t.is(String(await readFile(join(dir, path))), text)
      delete complete[path]
      delete expected[path]
    }
    t.deepEqual(complete, expected, `rerun after ${side} was killed at ${at}`)
  }
})
